import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { type ChannelProtocol, decodeMessage, encodeMessage } from './channel-protocol.ts';
import type { SpdyConnection, SpdyStream } from './spdy-connection.ts';
import { bytesOf, normalClosure, WebSocketSender } from './websocket.ts';

/** What the container runtime's streaming server is asked to speak. */
export const portForwardUpstream = 'portforward.k8s.io';

/** A channel is one byte, and each port takes two. */
export const maxPorts = 128;

/**
 * Carries the raw bytes of the runtime's SPDY connection in a WebSocket's binary messages (KEP-4006), until either closes.
 * The streams inside are the client's concern.
 */
export function bridgeTunnel(webSocket: WebSocket, upstream: Duplex, head: Buffer): void {
  if (head.length > 0) upstream.unshift(head);
  const sender = new WebSocketSender(webSocket, upstream);
  upstream.on('data', (chunk: Buffer) => sender.send(chunk));
  webSocket.on('message', (data) => {
    if (!upstream.writable || upstream.write(bytesOf(data))) return;
    webSocket.pause();
    upstream.once('drain', () => webSocket.resume());
  });
  webSocket.on('error', () => webSocket.terminate());
  webSocket.on('close', () => upstream.destroy());
  upstream.on('error', () => upstream.destroy());
  upstream.on('close', () => {
    webSocket.resume();
    webSocket.close(normalClosure);
  });
}

/**
 * Port-forward with a pair of channels for each port: 2i carries data, 2i+1 an error as text, and the first message of each
 * names the port (two bytes, little endian). One connection to each port, opened at once; ends when all have ended.
 */
export function bridgePortChannels(
  webSocket: WebSocket,
  upstream: SpdyConnection,
  { protocol, ports }: { protocol: ChannelProtocol; ports: readonly number[] },
): void {
  const sender = new WebSocketSender(webSocket, upstream);
  const send = (channel: number, data: Buffer) => sender.send(encodeMessage(protocol, channel, data));
  let openSinks = 2 * ports.length;
  const sink = (channel: number) => ({
    data: (chunk: Buffer) => send(channel, chunk),
    end: () => {
      openSinks -= 1;
      if (openSinks === 0) upstream.destroy();
    },
  });
  const streams = ports.map((port, index): SpdyStream => {
    const named = (streamtype: string) => ({ streamtype, port: String(port), requestid: String(index) });
    // The error stream comes first and is only read.
    upstream.open(named('error'), sink(2 * index + 1)).end();
    const data = upstream.open(named('data'), sink(2 * index));
    for (const channel of [2 * index, 2 * index + 1]) send(channel, littleEndian(port));
    return data;
  });
  webSocket.on('message', (data) => {
    const message = decodeMessage(protocol, bytesOf(data));
    if (!message || message.channel % 2 === 1) return;
    const isTaken = streams[message.channel / 2]?.write(message.data) ?? true;
    if (isTaken) return;
    webSocket.pause();
    upstream.whenDrained(() => webSocket.resume());
  });
  webSocket.on('error', () => webSocket.terminate());
  webSocket.on('close', () => upstream.destroy());
  void upstream.closed.then(() => {
    webSocket.resume();
    webSocket.close(normalClosure);
  });
}

function littleEndian(port: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(port);
  return bytes;
}
