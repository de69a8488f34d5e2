import type { HttpRequest } from './body.ts';

/** What is between the client and this server only, or says of a body, which an upgrade has none of. */
const ownHeaders = new Set(['host', 'authorization', 'content-length', 'transfer-encoding', 'expect', 'cookie']);
/** How a browser sends a bearer token: as a subprotocol. */
const tokenProtocol = 'base64url.bearer.authorization.k8s.io.';

/** The head of an upgrade request, written anew for the server behind this one: without the client's credentials. */
export function upgradeHead(
  incoming: HttpRequest,
  { host, port, path }: { host: string; port: number; path: string },
): string {
  const authority = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  const lines = [`${incoming.method} ${path} HTTP/1.1`, `Host: ${authority}`];
  const { rawHeaders } = incoming;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const [name = '', value = ''] = rawHeaders.slice(i, i + 2);
    const lowerName = name.toLowerCase();
    if (ownHeaders.has(lowerName) || lowerName.startsWith('impersonate-')) continue;
    const shown = lowerName === 'sec-websocket-protocol' ? withoutToken(value) : value;
    if (shown !== '') lines.push(`${name}: ${shown}`);
  }
  return `${lines.join('\r\n')}\r\n\r\n`;
}

const withoutToken = (protocols: string): string =>
  protocols
    .split(',')
    .map((protocol) => protocol.trim())
    .filter((protocol) => !protocol.startsWith(tokenProtocol))
    .join(', ');
