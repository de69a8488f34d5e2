import { connect, createServer, type Socket } from 'node:net';

export interface Endpoint {
  host: string;
  port: number;
}

/** Passes connections to one address on to another one, both ways, until closed. Rejects when it cannot listen. */
export function forwardPort(from: Endpoint, to: Endpoint): Promise<{ close(): void }> {
  const open = new Set<Socket>();
  const keep = (socket: Socket): Socket => {
    open.add(socket);
    return socket.once('close', () => open.delete(socket));
  };
  const server = createServer((incoming) => {
    const outgoing = keep(connect(to));
    keep(incoming).pipe(outgoing).pipe(incoming);
    // Whoever breaks it off, the other one is told by the end of its connection.
    incoming.on('error', () => outgoing.destroy());
    outgoing.on('error', () => incoming.destroy());
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(from, () =>
      resolve({
        close() {
          server.close();
          for (const socket of open) socket.destroy();
        },
      }),
    );
  });
}
