import { request as plainRequest } from 'node:http';
import { request as tlsRequest, type RequestOptions } from 'node:https';
import type { Clock } from '../base/clock.ts';

export interface HttpAnswer {
  status: number;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  text: string;
}

export interface HttpCallLimits {
  clock: Clock;
  timeoutMs: number;
  /** The largest answer that is read. */
  maxBytes: number;
}

/**
 * Asks a server and reads its answer, whatever that is; over TLS unless `protocol` is `http:`. Rejects when there is none in time, or too
 * much of it.
 */
export function callHttp(options: RequestOptions, limits: HttpCallLimits, body?: string): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const request = options.protocol === 'http:' ? plainRequest : tlsRequest;
    const sent = request(options, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > limits.maxBytes) sent.destroy(new Error('the answer is too large'));
        else chunks.push(chunk);
      });
      response.on('end', () => {
        cancel();
        const text = Buffer.concat(chunks).toString();
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
      });
    });
    const fail = (error: Error) => {
      cancel();
      reject(error);
    };
    const late = () => sent.destroy(new Error('context deadline exceeded'));
    const cancel = limits.clock.after(limits.timeoutMs, late, { background: true });
    sent.on('error', fail);
    sent.end(body);
  });
}
