import type { RequestOptions } from 'node:https';
import { parse } from 'yaml';

/** A server that this one asks or tells, as files for webhooks name it: a kubeconfig. */
export interface WebhookServer {
  url: URL;
  tls: Pick<RequestOptions, 'ca' | 'cert' | 'key' | 'rejectUnauthorized' | 'servername'>;
  token?: string | undefined;
}

type Named<K extends string> = { name: string } & { [P in K]?: Record<string, unknown> };

interface Kubeconfig {
  'current-context'?: string;
  contexts?: Named<'context'>[];
  clusters?: Named<'cluster'>[];
  users?: Named<'user'>[];
}

/** The server of the current context. `readFile` gives the text of a file that it names. Throws an Error that says what is missing. */
export function parseWebhookServer(text: string, readFile: (path: string) => string): WebhookServer {
  const config = (parse(text) ?? {}) as Kubeconfig;
  const context = pick(config.contexts, config['current-context'])?.context ?? {};
  const cluster = pick(config.clusters, context.cluster)?.cluster;
  const user = pick(config.users, context.user)?.user ?? {};
  if (typeof cluster?.server !== 'string' || !URL.canParse(cluster.server))
    throw new Error('the kubeconfig names no server');
  const pem = (from: Record<string, unknown>, key: string): string | undefined => {
    const data = from[`${key}-data`];
    if (typeof data === 'string') return Buffer.from(data, 'base64').toString();
    return typeof from[key] === 'string' ? readFile(from[key]) : undefined;
  };
  const name = cluster['tls-server-name'];
  return {
    url: new URL(cluster.server),
    tls: {
      ca: pem(cluster, 'certificate-authority'),
      cert: pem(user, 'client-certificate'),
      key: pem(user, 'client-key'),
      rejectUnauthorized: cluster['insecure-skip-tls-verify'] !== true,
      ...(typeof name === 'string' ? { servername: name } : {}),
    },
    token: typeof user.token === 'string' ? user.token : undefined,
  };
}

/** The entry of that name; the only one where no name is given. */
const pick = <T extends { name: string }>(list: readonly T[] | undefined, name: unknown): T | undefined =>
  name ? list?.find((one) => one.name === name) : list?.length === 1 ? list[0] : undefined;

/** A POST of JSON to the server. */
export const postTo = ({ url, tls, token }: WebhookServer): RequestOptions => ({
  host: url.hostname.replace(/^\[|\]$/g, ''),
  port: Number(url.port || 443),
  path: `${url.pathname}${url.search}`,
  method: 'POST',
  headers: {
    'content-type': 'application/json',
    accept: 'application/json',
    ...(token ? { authorization: `Bearer ${token}` } : {}),
  },
  ...tls,
});
