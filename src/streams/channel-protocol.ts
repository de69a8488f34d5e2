/**
 * The WebSocket subprotocols that carry several streams as numbered channels: the first byte of a message is the channel.
 * v5 added the close message (KEP-4006). Before v4 the error channel carried text, not a Status.
 */
export interface ChannelProtocol {
  /** The subprotocol; empty for clients that ask for none. */
  name: string;
  /** Text messages: the channel as a digit, then base64. */
  isBase64: boolean;
  /** A message `[255, channel]` closes the client's half of a channel. */
  hasClose: boolean;
  /** The error channel ends with a Status. */
  hasStatus: boolean;
}

const define = (name: string, isBase64 = false): ChannelProtocol => ({
  name,
  isBase64,
  hasClose: name.startsWith('v5.'),
  hasStatus: name.startsWith('v5.') || name.startsWith('v4.'),
});

/** For exec and attach, the best one first. */
export const remoteCommandProtocols: readonly ChannelProtocol[] = [
  define('v5.channel.k8s.io'),
  define('v4.channel.k8s.io'),
  define('v4.base64.channel.k8s.io', true),
  define('channel.k8s.io'),
  define('base64.channel.k8s.io', true),
  define(''),
];

/** For port-forward, where each port is a pair of channels. */
export const portForwardProtocols: readonly ChannelProtocol[] = [
  define('v4.channel.k8s.io'),
  define('v4.base64.channel.k8s.io', true),
  define(''),
];

/** kubectl's port-forward since 1.31: the bytes of a SPDY connection in binary messages, without channels. */
export const tunnelProtocol = 'SPDY/3.1+portforward.k8s.io';

/** The subprotocols that a WebSocket request offers. */
export const offeredProtocols = (header: string | undefined): string[] =>
  (header ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');

/** The best protocol that the client offers too. undefined: there is none. */
export function chooseProtocol(
  known: readonly ChannelProtocol[],
  offered: readonly string[],
): ChannelProtocol | undefined {
  const names = offered.length > 0 ? offered : [''];
  return known.find(({ name }) => names.includes(name));
}

/** The channels of exec and attach. */
export const channels = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4 } as const;
export const closeChannel = 255;

export interface ChannelMessage {
  channel: number;
  data: Buffer;
}

/** undefined: an empty message, which says nothing. */
export function decodeMessage(protocol: ChannelProtocol, message: Buffer): ChannelMessage | undefined {
  const [first] = message;
  if (first === undefined) return undefined;
  if (!protocol.isBase64) return { channel: first, data: message.subarray(1) };
  return { channel: first - 0x30, data: Buffer.from(message.toString('latin1', 1), 'base64') };
}

/** A string is to be sent as a text message. */
export function encodeMessage(protocol: ChannelProtocol, channel: number, data: Buffer): Buffer | string {
  if (protocol.isBase64) return String.fromCharCode(0x30 + channel) + data.toString('base64');
  const message = Buffer.allocUnsafe(data.length + 1);
  message[0] = channel;
  data.copy(message, 1);
  return message;
}
