import type { TLSSocket } from 'node:tls';
import { StatusError } from '../../api/meta/status-error.ts';

/** Who may use the node's server: a name (CN) or a group (O) of a certificate that the cluster's CA signed. */
export interface AllowedClients {
  names: readonly string[];
  groups?: readonly string[];
}

/** Why the peer is turned away: 401 without a valid certificate, 403 with one of somebody else. undefined: let in. */
export function refusal(socket: TLSSocket, allowed: AllowedClients): StatusError | undefined {
  if (!socket.authorized) return StatusError.of('Unauthorized', 'Unauthorized');
  const { subject } = socket.getPeerCertificate();
  const all = (value: string | string[] | undefined) =>
    value === undefined ? [] : Array.isArray(value) ? value : [value];
  const names = all(subject?.CN);
  const groups = all(subject?.O);
  if (names.some((name) => allowed.names.includes(name))) return undefined;
  if (groups.some((group) => allowed.groups?.includes(group))) return undefined;
  return StatusError.of('Forbidden', `Forbidden (user=${names[0] ?? ''}, verb=get, resource=nodes, subresource=proxy)`);
}
