import http from 'node:http';
import https from 'node:https';
import type { HTTPGetAction } from '../../api/generated/types.ts';
import type { Clock } from '../../base/clock.ts';
import { dialError } from './dial-error.ts';

export interface HttpGetInput {
  action: HTTPGetAction;
  port: number;
  /** Where to unless the action names a host. */
  host: string;
  timeoutMs: number;
}

/** Of an answer, so much is read: it goes into an event. */
const maxBodyBytes = 10 * 1024;
const maxRedirects = 10;

/** One GET as the kubelet makes it: no certificate check, redirects to the same host followed. Rejects when there is no answer in time. */
export async function httpGet(input: HttpGetInput, clock: Clock): Promise<{ status: number; body: string }> {
  const { action, port, timeoutMs } = input;
  const scheme = (action.scheme ?? 'HTTP').toLowerCase();
  const host = action.host || input.host;
  let url = new URL(`${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}/`);
  const path = action.path ?? '/';
  url = new URL(path.startsWith('/') ? path : `/${path}`, url);
  const abort = new AbortController();
  const cancel = clock.after(timeoutMs, () => abort.abort());
  try {
    for (let redirects = 0; ; redirects++) {
      const answer = await get(url, headersOf(action), abort.signal);
      const next = answer.location ? new URL(answer.location, url) : undefined;
      if (!next || answer.status < 300 || answer.status >= 400) return answer;
      // Another host's health says nothing of this one.
      if (next.hostname !== url.hostname) return { status: 200, body: 'Probe terminated redirects' };
      if (redirects >= maxRedirects) throw new Error('stopped after 10 redirects');
      url = next;
    }
  } catch (error) {
    if (abort.signal.aborted) {
      throw new Error(`Get "${url.href}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`, {
        cause: error,
      });
    }
    const why = dialError(error, host, url.port || port);
    throw new Error(`Get "${url.href}": ${why.message}`, { cause: error });
  } finally {
    cancel();
  }
}

function headersOf(action: HTTPGetAction): Record<string, string> {
  const given = Object.fromEntries(
    (action.httpHeaders ?? []).map(({ name, value }) => [name.toLowerCase(), value ?? '']),
  );
  return { 'user-agent': 'kube-probe/1.36', accept: '*/*', connection: 'close', ...given };
}

function get(url: URL, headers: Record<string, string>, signal: AbortSignal) {
  return new Promise<{ status: number; body: string; location?: string }>((resolve, reject) => {
    const options = { headers, signal, agent: false as const, rejectUnauthorized: false };
    const request = (url.protocol === 'https:' ? https : http).get(url, options, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      const finish = () => {
        const { statusCode: status = 0, headers: answered } = response;
        resolve({ status, body: Buffer.concat(chunks).toString().slice(0, maxBodyBytes), location: answered.location });
      };
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        size += chunk.length;
        if (size < maxBodyBytes) return;
        finish();
        response.destroy();
      });
      response.on('end', finish);
      response.on('error', reject);
    });
    request.on('error', reject);
  });
}
