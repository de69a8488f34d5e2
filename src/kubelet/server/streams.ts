import type { Socket } from 'node:net';
import { badRequest, internalError } from '../../api/meta/status-error.ts';
import type { RuntimeService } from '../../api/generated/cri.ts';
import type { Logger } from '../../base/log.ts';
import {
  type ChannelProtocol,
  chooseProtocol,
  offeredProtocols,
  portForwardProtocols,
  remoteCommandProtocols,
  tunnelProtocol,
} from '../../streams/channel-protocol.ts';
import { bridgePortChannels, bridgeTunnel, portForwardUpstream } from '../../streams/port-forward.ts';
import { bridgeRemoteCommand, remoteCommandUpstream, type RemoteCommandStreams } from '../../streams/remote-command.ts';
import { SpdyConnection } from '../../streams/spdy-connection.ts';
import { splice } from '../../streams/splice.ts';
import { requestSpdy, streamProtocolHeader, type Upgraded } from '../../streams/upgrade-request.ts';
import { acceptWebSocket, type UpgradeRequest } from '../../streams/websocket.ts';
import type { StreamsHandler } from './server.ts';
import { answer, answerFor } from './streams-answer.ts';
import { parseStreamRequest, type StreamRequest } from './streams-request.ts';
import type { StreamTargets } from './streams-targets.ts';

export interface StreamsDeps {
  runtime: Pick<RuntimeService, 'Exec' | 'Attach' | 'PortForward'>;
  targets: StreamTargets;
  log: Logger;
}

/**
 * Serves exec, attach and port-forward: asks the container runtime for a streaming URL (valid once, on this network
 * namespace's loopback) and joins the client to it. SPDY clients are passed through, WebSocket clients translated.
 * What fails before the switch of protocols is a plain HTTP answer.
 */
export function streamsHandler(deps: StreamsDeps): StreamsHandler {
  return (request, socket, head) => {
    // The HTTP server has let go of the socket: without this an error of it would end the process.
    socket.on('error', () => socket.destroy());
    serve(deps, { request, socket, head }).catch((error: unknown) => {
      const plainAnswer = answerFor(error);
      const { code, message } = plainAnswer;
      if (code >= 500) deps.log.warn({ path: pathOf(request.url), error: message }, 'stream refused');
      answer(socket as Socket, plainAnswer);
    });
  };
}

async function serve(deps: StreamsDeps, client: UpgradeRequest): Promise<void> {
  const { headers, url } = client.request;
  const ask = withTerminal(parseStreamRequest(url ?? '/'), deps.targets);
  const kind = headers.upgrade?.toLowerCase() ?? '';
  if (kind !== 'websocket' && !kind.startsWith('spdy/')) throw badRequest(`unable to upgrade to ${headers.upgrade}`);
  const bridge = kind === 'websocket' ? webSocketBridge(ask, client) : spdyBridge(client);
  const streamingUrl = await streamingUrlOf(deps, ask);
  const upstream = await requestSpdy(streamingUrl, bridge.upstreamProtocols);
  deps.log.debug({ path: pathOf(url), protocol: bridge.protocol || kind }, 'stream opens');
  try {
    bridge.join(upstream);
  } catch (error) {
    upstream.socket.destroy();
    throw badRequest(error instanceof Error ? error.message : String(error));
  }
}

/** Whether an attach has a terminal is not the client's to say: the container was made with one or not. */
function withTerminal(ask: StreamRequest, targets: StreamTargets): StreamRequest {
  if (ask.type !== 'attach') return ask;
  const { tty } = targets.container(ask.namespace, ask.pod, ask.container);
  return { ...ask, streams: { ...ask.streams, tty, stderr: ask.streams.stderr && !tty } };
}

async function streamingUrlOf({ runtime, targets }: StreamsDeps, ask: StreamRequest): Promise<string> {
  const { url } = await openStream();
  if (!url) throw internalError('the container runtime gave no streaming URL');
  return url;

  function openStream(): Promise<{ url?: string }> {
    if (ask.type === 'portForward') {
      return runtime.PortForward({ podSandboxId: targets.sandbox(ask.namespace, ask.pod).id, port: ask.ports });
    }
    const { id: containerId } = targets.container(ask.namespace, ask.pod, ask.container);
    if (ask.type === 'attach') return runtime.Attach({ containerId, ...ask.streams });
    return runtime.Exec({ containerId, cmd: ask.command, ...ask.streams });
  }
}

/** How this client is joined to the runtime's streaming server. */
interface Bridge {
  /** What the client speaks, for the log. */
  protocol: string;
  upstreamProtocols: readonly string[];
  /** Answers the client with 101. Throws when that cannot be. */
  join(upstream: Upgraded): void;
}

/** The client's SPDY is the runtime's SPDY. */
function spdyBridge({ request, socket, head }: UpgradeRequest): Bridge {
  const offered = request.headersDistinct[streamProtocolHeader]?.flatMap(offeredProtocols) ?? [];
  const join = (upstream: Upgraded) => {
    const chosen = upstream.headers[streamProtocolHeader];
    const lines = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: SPDY/3.1'];
    if (chosen) lines.push(`X-Stream-Protocol-Version: ${String(chosen)}`);
    socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    if (head.length > 0) socket.unshift(head);
    if (upstream.head.length > 0) upstream.socket.unshift(upstream.head);
    splice(socket as Socket, upstream.socket);
  };
  return { protocol: '', upstreamProtocols: offered, join };
}

function webSocketBridge(ask: StreamRequest, client: UpgradeRequest): Bridge {
  const offered = offeredProtocols(client.request.headers['sec-websocket-protocol']);
  if (ask.type !== 'portForward') {
    const protocol = chosen(remoteCommandProtocols, offered);
    return commandBridge(client, protocol, ask.streams);
  }
  if (offered.includes(tunnelProtocol)) {
    const join = ({ socket, head }: Upgraded) => bridgeTunnel(acceptWebSocket(client, tunnelProtocol), socket, head);
    return { protocol: tunnelProtocol, upstreamProtocols: [portForwardUpstream], join };
  }
  const protocol = chosen(portForwardProtocols, offered);
  const { ports } = ask;
  if (ports.length === 0) throw badRequest('query parameter "port" is required');
  const join = ({ socket, head }: Upgraded) =>
    bridgePortChannels(acceptWebSocket(client, protocol.name), new SpdyConnection(socket, head), { protocol, ports });
  return { protocol: protocol.name, upstreamProtocols: [portForwardUpstream], join };
}

function commandBridge(client: UpgradeRequest, protocol: ChannelProtocol, streams: RemoteCommandStreams): Bridge {
  const join = ({ socket, head }: Upgraded) =>
    bridgeRemoteCommand(acceptWebSocket(client, protocol.name), new SpdyConnection(socket, head), {
      protocol,
      streams,
    });
  return { protocol: protocol.name, upstreamProtocols: [remoteCommandUpstream], join };
}

function chosen(known: readonly ChannelProtocol[], offered: readonly string[]): ChannelProtocol {
  const protocol = chooseProtocol(known, offered);
  if (!protocol) throw badRequest(`none of the subprotocols is served: ${offered.join(', ')}`);
  return protocol;
}

/** Without the query: a command may carry secrets. */
const pathOf = (url = '/'): string => url.split('?', 1)[0] as string;
