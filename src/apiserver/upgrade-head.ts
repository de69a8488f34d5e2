import type { HttpRequest } from './body.ts';
import { type HeaderValues, identity } from './passed-headers.ts';

/** What is between the client and this server only, or says of a body, which an upgrade has none of. */
const ownHeaders = new Set(['host', 'authorization', 'content-length', 'transfer-encoding', 'expect', 'cookie']);
/** How a browser sends a bearer token: as a subprotocol. */
const tokenProtocol = 'base64url.bearer.authorization.k8s.io.';

/** The head of an upgrade request, written anew for the server behind this one: without the client's credentials. */
export function upgradeHead(
  incoming: HttpRequest,
  { host, port, path, headers = {} }: { host: string; port: number; path: string; headers?: HeaderValues },
): string {
  const authority = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  const lines = [`${incoming.method} ${path} HTTP/1.1`, `Host: ${authority}`];
  const { rawHeaders } = incoming;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const [name = '', value = ''] = rawHeaders.slice(i, i + 2);
    const lowerName = name.toLowerCase();
    if (ownHeaders.has(lowerName) || identity.test(lowerName)) continue;
    const shown = lowerName === 'sec-websocket-protocol' ? withoutToken(value) : value;
    if (shown !== '') lines.push(`${name}: ${shown}`);
  }
  for (const [name, value] of Object.entries(headers)) for (const one of [value].flat()) lines.push(`${name}: ${one}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}

const withoutToken = (protocols: string): string =>
  protocols
    .split(',')
    .map((protocol) => protocol.trim())
    .filter((protocol) => !protocol.startsWith(tokenProtocol))
    .join(', ');
