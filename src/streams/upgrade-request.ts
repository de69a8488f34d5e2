import { type IncomingHttpHeaders, type IncomingMessage, request as httpRequest } from 'node:http';
import type { Socket } from 'node:net';

/** A connection that the other side has switched to another protocol. */
export interface Upgraded {
  socket: Socket;
  /** The first bytes of that protocol, if some came with the answer. */
  head: Buffer;
  headers: IncomingHttpHeaders;
}

/** The other side answered, but not with 101. */
export class UpgradeRefused extends Error {
  override readonly name = 'UpgradeRefused';
  readonly code: number;
  readonly headers: IncomingHttpHeaders;

  constructor(code: number, headers: IncomingHttpHeaders, body: string) {
    super(body || `the streaming server answered ${code}`);
    this.code = code;
    this.headers = headers;
  }
}

/** The first of them that the streaming server knows is spoken; it says which in the same header. */
export const streamProtocolHeader = 'x-stream-protocol-version';

/** The streaming server is on this machine: it answers or it hangs. */
const answerTimeoutMs = 30_000;
const maxBodyBytes = 64 * 1024;

/** Asks for SPDY/3.1 at a streaming URL of the container runtime. Rejects with `UpgradeRefused`, or the socket's error. */
export function requestSpdy(url: string, protocols: readonly string[]): Promise<Upgraded> {
  return new Promise((resolve, reject) => {
    const headers = {
      Connection: 'Upgrade',
      Upgrade: 'SPDY/3.1',
      'X-Stream-Protocol-Version': [...protocols],
      'Content-Length': 0,
    };
    const request = httpRequest(url, { method: 'POST', agent: false, headers, timeout: answerTimeoutMs });
    request.on('upgrade', (answer: IncomingMessage, socket: Socket, head: Buffer) => {
      socket.setTimeout(0);
      socket.setNoDelay(true);
      socket.on('error', () => socket.destroy());
      resolve({ socket, head, headers: answer.headers });
    });
    request.on('response', (answer) => {
      void bodyOf(answer).then((body) => reject(new UpgradeRefused(answer.statusCode ?? 500, answer.headers, body)));
    });
    request.on('timeout', () => request.destroy(new Error('the streaming server does not answer')));
    request.on('error', reject);
    request.end();
  });
}

/** The answer's text, cut at a limit; also what came before it broke off. */
function bodyOf(answer: IncomingMessage): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    answer.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      if (size > maxBodyBytes) answer.destroy();
    });
    answer.on('error', () => {});
    answer.on('close', () => resolve(Buffer.concat(chunks).toString('utf8', 0, maxBodyBytes).trim()));
  });
}
