import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { StatusError } from '../../api/meta/status-error.ts';
import type { Asker, DelegatedAccess } from './delegated-access.ts';

/** Who may use the node's server for everything: a name (CN) or a group (O) of a certificate that the cluster's CA signed. */
export interface AllowedClients {
  names: readonly string[];
  groups?: readonly string[];
}

const all = (value: string | string[] | undefined): string[] =>
  value === undefined ? [] : Array.isArray(value) ? value : [value];

/** Whom a valid certificate of the peer names. */
function certificateUser(socket: TLSSocket): Asker | undefined {
  if (!socket.authorized) return undefined;
  const { subject } = socket.getPeerCertificate();
  return { user: all(subject?.CN)[0] ?? '', groups: all(subject?.O) };
}

const bearer = /^Bearer +(\S+)$/i;

/**
 * Why the client is turned away: 401 without a valid certificate or token, 403 when the cluster says no. undefined: let in.
 * `delegated` asks the API server about tokens and about everybody who is not allowed everything; without it there are none.
 */
export async function refusal(
  request: IncomingMessage,
  allowed: AllowedClients,
  delegated?: DelegatedAccess,
): Promise<StatusError | undefined> {
  const known = certificateUser(request.socket as TLSSocket);
  if (known && allowed.names.includes(known.user)) return undefined;
  if (known?.groups.some((group) => allowed.groups?.includes(group))) return undefined;
  const token = bearer.exec(request.headers.authorization ?? '')?.[1];
  const asker = known ?? (token ? await delegated?.userOf(token) : undefined);
  if (!asker) return StatusError.of('Unauthorized', 'Unauthorized');
  const wanted = accessOf(request);
  for (const subresource of wanted.subresources) {
    if (await delegated?.isAllowed(asker, { verb: wanted.verb, subresource })) return undefined;
  }
  const { verb, subresources } = wanted;
  const what = `verb=${verb}, resource=nodes, subresource(s)=[${subresources.join(' ')}]`;
  return StatusError.of('Forbidden', `Forbidden (user=${asker.user}, ${what})`);
}

const verbs: Record<string, string> = { POST: 'create', GET: 'get', HEAD: 'get', PUT: 'update', PATCH: 'patch' };

/** Subresources of the node, any of which opens a path; the fine ones are of 1.33 (KEP-2862). */
const fine: Record<string, string> = { pods: 'pods', runningpods: 'pods', healthz: 'healthz', configz: 'configz' };

/** What a request needs of the cluster's authorization, as upstream's node authorizer attributes say. */
function accessOf({ method = 'GET', url = '/' }: IncomingMessage): { verb: string; subresources: string[] } {
  const verb = verbs[method] ?? method.toLowerCase();
  const first = /^\/([^/?]*)/.exec(url)?.[1] ?? '';
  const own = { stats: 'stats', metrics: 'metrics', logs: 'log', checkpoint: 'checkpoint' }[first];
  if (own) return { verb, subresources: [own] };
  return { verb, subresources: fine[first] ? [fine[first], 'proxy'] : ['proxy'] };
}
