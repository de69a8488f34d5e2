/**
 * HTTP/1.1 over one TLS connection that is kept, with as little of a client as there can be: what is measured shares the
 * machine with it. Requests are text made beforehand; answers must have a length. Any that is not a success throws.
 */
import { connect, type TLSSocket } from 'node:tls';

export interface Target {
  port: number;
  /** PEM. */
  ca: string;
  token: string;
}

export const requestText = (
  { token }: Target,
  {
    method,
    path,
    body = '',
    type = 'application/json',
  }: { method: string; path: string; body?: string; type?: string },
): Buffer =>
  Buffer.from(
    `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\nUser-Agent: bench/1.0\r\n` +
      `Accept: application/json\r\nContent-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );

const headEnd = Buffer.from('\r\n\r\n');

export class Connection {
  readonly #socket: TLSSocket;
  #head: Buffer = Buffer.alloc(0);
  #left = -1;
  #size = 0;
  #done: ((size: number) => void) | undefined;
  #failed: ((error: Error) => void) | undefined;

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', (error) => this.#failed?.(error));
    socket.on('close', () => this.#failed?.(new Error('the server closed the connection')));
  }

  static open({ port, ca }: Target): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', ca, ALPNProtocols: ['http/1.1'] }, () => {
        socket.setNoDelay(true);
        resolve(new Connection(socket));
      });
      socket.once('error', reject);
    });
  }

  /** Resolves with the size of the answer's body. */
  send(request: Buffer): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#done = resolve;
      this.#failed = reject;
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#done = this.#failed = undefined;
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    if (this.#left < 0) {
      this.#head = this.#head.length > 0 ? Buffer.concat([this.#head, chunk]) : chunk;
      const end = this.#head.indexOf(headEnd);
      if (end < 0) return;
      const head = this.#head.toString('latin1', 0, end);
      const length = /content-length: (\d+)/i.exec(head)?.[1];
      if (!/^HTTP\/1.1 2/.test(head) || length === undefined) {
        return this.#failed?.(new Error(`not a success: ${head}\n${this.#head.toString('utf8', end)}`));
      }
      this.#size = Number(length);
      this.#left = this.#size - (this.#head.length - end - 4);
      this.#head = Buffer.alloc(0);
    } else this.#left -= chunk.length;
    if (this.#left > 0) return;
    this.#left = -1;
    this.#done?.(this.#size);
  }
}
