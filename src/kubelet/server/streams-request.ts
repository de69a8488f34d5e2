import { badRequest, StatusError } from '../../api/meta/status-error.ts';
import { type RemoteCommandStreams, streamTypes } from '../../streams/remote-command.ts';
import { maxPorts } from '../../streams/port-forward.ts';

/** What a stream request asks for, from its path and query (the kubelet's HTTP API). */
export type StreamRequest = { namespace: string; pod: string } & (
  | { type: 'exec'; container: string; command: string[]; streams: RemoteCommandStreams }
  | { type: 'attach'; container: string; streams: RemoteCommandStreams }
  | { type: 'portForward'; ports: number[] }
);

/**
 * `/exec/NAMESPACE/POD[/UID]/CONTAINER?command=…&input=1&output=1&error=1&tty=1`, the same with `attach`, and
 * `/portForward/NAMESPACE/POD[/UID]?port=…`. Throws `StatusError` NotFound or BadRequest.
 */
export function parseStreamRequest(url: string): StreamRequest {
  const { pathname, searchParams } = new URL(url, 'https://node');
  const [type = '', namespace = '', pod = '', ...rest] = segments(pathname);
  if (type === 'portForward' && pod && rest.length <= 1) {
    return { type, namespace, pod, ports: portsOf(searchParams) };
  }
  const container = rest.at(-1);
  if ((type === 'exec' || type === 'attach') && container && rest.length <= 2) {
    const to = { namespace, pod, container, streams: streamsOf(searchParams) };
    return type === 'exec' ? { type, ...to, command: searchParams.getAll('command') } : { type, ...to };
  }
  throw StatusError.of('NotFound', `${pathname} not found`);
}

function segments(pathname: string): string[] {
  try {
    return pathname.split('/').filter(Boolean).map(decodeURIComponent);
  } catch {
    throw badRequest('malformed path');
  }
}

function streamsOf(query: URLSearchParams): RemoteCommandStreams {
  const isSet = (name: string) => ['1', 'true'].includes(query.get(name) ?? '');
  const tty = isSet('tty');
  // A terminal has one output.
  const streams = { stdin: isSet('input'), stdout: isSet('output'), stderr: isSet('error') && !tty, tty };
  if (streamTypes({ ...streams, tty: false }).length === 1) {
    throw badRequest('you must specify at least 1 of stdin, stdout, stderr');
  }
  return streams;
}

function portsOf(query: URLSearchParams): number[] {
  const texts = query.getAll('port').flatMap((value) => value.split(','));
  const ports = texts.map((text) => {
    const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
    if (port < 1 || port > 65_535) throw badRequest(`unable to parse "${text}" as a port`);
    return port;
  });
  if (ports.length > maxPorts) throw badRequest(`more than ${maxPorts} ports`);
  return ports;
}
