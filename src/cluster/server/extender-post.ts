import { readFile } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';
import { callHttp } from '../../apiserver/http-call.ts';
import type { Clock } from '../../base/clock.ts';
import type { PostToExtender } from '../../scheduler/extenders/extender.ts';
import type { ExtenderConfig, ExtenderTls } from '../../scheduler/extenders/extender-config.ts';

/** Names of all nodes of a large cluster, each with a reason. */
const maxAnswerBytes = 16 * 1024 * 1024;

/** Posts to scheduler extenders over HTTP or HTTPS, as their configuration says. */
export const postToExtender =
  (clock: Clock): PostToExtender =>
  async (extender, url, body) => {
    const { protocol, hostname, port, pathname, search } = new URL(url);
    const options: RequestOptions = {
      ...{ protocol, port, path: `${pathname}${search}`, method: 'POST' },
      host: hostname.replace(/^\[|\]$/g, ''),
      headers: { 'content-type': 'application/json' },
      ...(protocol === 'https:' ? await tlsOf(extender) : {}),
    };
    const limits = { clock, timeoutMs: extender.timeoutMs, maxBytes: maxAnswerBytes };
    const { status, text } = await callHttp(options, limits, JSON.stringify(body));
    if (status !== 200) throw new Error(`code ${status}`);
    return text === '' ? {} : JSON.parse(text);
  };

/** Files are read each time: certificates are renewed. As upstream has it, an extender without an authority is not checked. */
async function tlsOf({ enableHTTPS, tlsConfig }: ExtenderConfig): Promise<RequestOptions> {
  const { insecure, serverName } = tlsConfig;
  const [ca, cert, key] = await Promise.all(['ca', 'cert', 'key'].map((what) => pem(tlsConfig, what)));
  return {
    ...{ ca, cert, key },
    ...(serverName ? { servername: serverName } : {}),
    rejectUnauthorized: !insecure && !(enableHTTPS && !ca),
  };
}

async function pem(tls: ExtenderTls, what: string): Promise<string | undefined> {
  const data = tls[`${what}Data` as keyof ExtenderTls] as string | undefined;
  const file = tls[`${what}File` as keyof ExtenderTls] as string | undefined;
  if (data) return Buffer.from(data, 'base64').toString('utf8');
  return file ? await readFile(file, 'utf8') : undefined;
}
