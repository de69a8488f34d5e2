import type { WebSocket } from 'ws';
import {
  type ChannelMessage,
  type ChannelProtocol,
  channels,
  closeChannel,
  decodeMessage,
  encodeMessage,
} from './channel-protocol.ts';
import type { SpdyConnection, SpdyStream } from './spdy-connection.ts';
import { bytesOf, normalClosure, WebSocketSender } from './websocket.ts';

/** Which streams an exec or attach has. `stderr` and `tty` exclude each other. */
export interface RemoteCommandStreams {
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  tty: boolean;
}

/** What the container runtime's streaming server is asked to speak: the error stream carries a Status. */
export const remoteCommandUpstream = 'v4.channel.k8s.io';

/** The streams of an exec or attach in the order that they are opened in. */
export function streamTypes({ stdin, stdout, stderr, tty }: RemoteCommandStreams): (keyof typeof channels)[] {
  const wanted = { error: true, stdin, stdout, stderr, resize: tty };
  return (Object.keys(wanted) as (keyof typeof wanted)[]).filter((type) => wanted[type]);
}

/**
 * Carries an exec or attach between a client's WebSocket channels and the streams of the runtime's SPDY connection, until
 * either closes. Both must have been opened in this turn.
 */
export function bridgeRemoteCommand(
  webSocket: WebSocket,
  upstream: SpdyConnection,
  { protocol, streams }: { protocol: ChannelProtocol; streams: RemoteCommandStreams },
): void {
  const sender = new WebSocketSender(webSocket, upstream);
  const send = (channel: number, data: Buffer) => sender.send(encodeMessage(protocol, channel, data));
  const open: Partial<Record<string, SpdyStream>> = {};
  for (const type of streamTypes(streams)) {
    const sink = type === 'error' && !protocol.hasStatus ? errorText(send) : plainSink(channels[type], send);
    open[type] = upstream.open({ streamtype: type }, sink);
  }
  // As Kubernetes does: the client learns that the streams stand.
  send(streams.stdout ? channels.stdout : streams.stderr ? channels.stderr : channels.error, Buffer.alloc(0));
  webSocket.on('message', (data) => {
    const message = decodeMessage(protocol, bytesOf(data));
    if (!message || deliver(message, protocol, open)) return;
    webSocket.pause();
    upstream.whenDrained(() => webSocket.resume());
  });
  webSocket.on('error', () => webSocket.terminate());
  webSocket.on('close', () => upstream.destroy());
  void upstream.closed.then(() => {
    // A paused one would not see the client's closing message.
    webSocket.resume();
    webSocket.close(normalClosure);
  });
}

/** Passes a client's message on. False when the upstream's buffer is full. */
function deliver(
  { channel, data }: ChannelMessage,
  protocol: ChannelProtocol,
  { stdin, resize }: Partial<Record<string, SpdyStream>>,
): boolean {
  if (channel === channels.stdin) return stdin?.write(data) ?? true;
  // The runtime reads one JSON value after the other; the new line makes it look at once.
  if (channel === channels.resize) return resize?.write(Buffer.concat([data, Buffer.from('\n')])) ?? true;
  if (channel === closeChannel && protocol.hasClose && data[0] === channels.stdin) stdin?.end();
  return true;
}

type Send = (channel: number, data: Buffer) => void;

const plainSink = (channel: number, send: Send) => ({
  data: (chunk: Buffer) => send(channel, chunk),
  end: () => {},
});

/** A Status is small. */
const maxStatusBytes = 64 * 1024;

/** For protocols before v4: the message of a failure, and nothing for success. */
function errorText(send: Send) {
  let text = '';
  return {
    data(chunk: Buffer) {
      if (text.length < maxStatusBytes) text += chunk.toString('utf8');
    },
    end() {
      const message = failureMessage(text);
      if (message) send(channels.error, Buffer.from(message));
    },
  };
}

function failureMessage(text: string): string {
  try {
    const status = JSON.parse(text) as { status?: string; message?: string };
    return status.status === 'Success' ? '' : (status.message ?? text);
  } catch {
    return text;
  }
}
