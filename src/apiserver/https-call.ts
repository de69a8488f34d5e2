import { request, type RequestOptions } from 'node:https';
import type { Clock } from '../base/clock.ts';

export interface HttpsAnswer {
  status: number;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  text: string;
}

export interface HttpsCallLimits {
  clock: Clock;
  timeoutMs: number;
  /** The largest answer that is read. */
  maxBytes: number;
}

/** Asks a server and reads its answer, whatever that is. Rejects when there is none in time, or too much of it. */
export function callHttps(options: RequestOptions, limits: HttpsCallLimits, body?: string): Promise<HttpsAnswer> {
  return new Promise((resolve, reject) => {
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
