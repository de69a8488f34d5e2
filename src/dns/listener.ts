import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import type { Clock } from '../base/clock.ts';
import { maxTcpBytes, udpLimit } from './message.ts';
import type { Resolver } from './resolver.ts';
import { StreamMessages } from './stream-messages.ts';

const maxConnections = 256;
/** A connection without a question for this long is closed. */
const idleMs = 10_000;
/** Questions of one connection that are being answered at once; further ones wait in the kernel. */
const maxPipelined = 32;

export interface ListenerDeps {
  resolver: Resolver;
  clock: Clock;
}

/** Listens by UDP and TCP; resolves when both do, with the port (the one asked for unless that was 0) and the way out. */
export async function listen(
  { resolver, clock }: ListenerDeps,
  { address, port }: { address: string; port: number },
): Promise<{ port: number; close(): Promise<void> }> {
  const tcp = net.createServer((socket) => serveConnection(socket, { resolver, clock }));
  tcp.maxConnections = maxConnections;
  tcp.listen(port, address);
  await once(tcp, 'listening');
  const bound = (tcp.address() as net.AddressInfo).port;
  const udp = dgram.createSocket('udp4');
  udp.on('message', (message, from) => void answerDatagram(udp, resolver, { message, from }));
  udp.bind(bound, address);
  await once(udp, 'listening').catch((error: unknown) => {
    tcp.close();
    throw error;
  });
  // Sending to a client that is gone is reported here; the next one is served all the same.
  udp.on('error', () => {});
  const sockets = new Set<net.Socket>();
  tcp.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  return {
    port: bound,
    async close() {
      udp.close();
      tcp.close();
      for (const socket of sockets) socket.destroy();
      if (tcp.listening) await once(tcp, 'close');
    },
  };
}

async function answerDatagram(
  udp: dgram.Socket,
  resolver: Resolver,
  { message, from }: { message: Buffer; from: dgram.RemoteInfo },
): Promise<void> {
  const answer = await resolver.handle(message, udpLimit);
  if (!answer) return;
  try {
    // The callback takes errors that concern this client alone.
    udp.send(answer, from.port, from.address, () => {});
  } catch {
    // The socket was closed while the answer was being found.
  }
}

function serveConnection(socket: net.Socket, { resolver, clock }: ListenerDeps): void {
  const messages = new StreamMessages();
  let pending = 0;
  const close = () => socket.destroy();
  let cancelIdle = clock.after(idleMs, close);
  socket.on('error', () => {});
  socket.on('close', () => cancelIdle());
  socket.on('data', (chunk) => {
    cancelIdle();
    cancelIdle = clock.after(idleMs, close);
    for (const message of messages.add(chunk)) {
      if (++pending >= maxPipelined) socket.pause();
      void resolver
        .handle(message, () => maxTcpBytes)
        .then((answer) => {
          if (--pending < maxPipelined) socket.resume();
          if (answer && !socket.destroyed) socket.write(StreamMessages.frame(answer));
        });
    }
  });
}
