import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { StatusError } from '../../api/meta/status-error.ts';
import { hasRpcCode } from '../../rpc/rpc-error.ts';
import { endGently } from '../../streams/splice.ts';
import { UpgradeRefused } from '../../streams/upgrade-request.ts';

/** An answer instead of a switch of protocols. */
export interface PlainAnswer {
  code: number;
  message: string;
  headers?: Record<string, string>;
}

const acceptedProtocolsHeader = 'x-accepted-stream-protocol-versions';

/** The codes are those that Kubernetes' streaming server has for the runtime's. */
export function answerFor(error: unknown): PlainAnswer {
  if (error instanceof StatusError) return error;
  if (error instanceof UpgradeRefused) {
    const accepted = error.headers[acceptedProtocolsHeader];
    return { ...plain(error.code, error), headers: accepted ? { [acceptedProtocolsHeader]: String(accepted) } : {} };
  }
  if (hasRpcCode(error, 'NotFound')) return plain(404, error);
  if (hasRpcCode(error, 'InvalidArgument', 'FailedPrecondition')) return plain(400, error);
  if (hasRpcCode(error, 'ResourceExhausted')) return { ...plain(429, error), headers: { 'retry-after': '60' } };
  return plain(500, error);
}

const plain = (code: number, error: unknown): PlainAnswer => ({
  code,
  message: error instanceof Error ? error.message : String(error),
});

/** By hand: after an upgrade request there is no response object. */
export function answer(socket: Socket, { code, message, headers = {} }: PlainAnswer): void {
  const fields = {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(message),
    Connection: 'close',
    ...headers,
  };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}`);
  socket.write(`HTTP/1.1 ${code} ${STATUS_CODES[code] ?? ''}\r\n${lines.join('\r\n')}\r\n\r\n${message}`);
  endGently(socket);
}
