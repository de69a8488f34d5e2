import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';

/** What an HTTP server hands over when a client asks for another protocol. */
export interface UpgradeRequest {
  request: IncomingMessage;
  socket: Duplex;
  /** The first bytes after the request's head, if they came with it. */
  head: Buffer;
}

/** As Go's WebSocket server, which the API has been served with: a larger message ends the connection. */
const maxMessageBytes = 32 * 1024 * 1024;

/** With more than this not yet taken by the network, whoever produces the messages is to pause … */
const highWaterBytes = 1024 * 1024;
/** … until it is below this. */
const lowWaterBytes = 256 * 1024;

/**
 * Answers 101 and gives the WebSocket, speaking `protocol` (empty: none named). No message is lost if the listeners are
 * added in the same turn. Throws when the request is no WebSocket handshake; nothing has been answered then.
 */
export function acceptWebSocket({ request, socket, head }: UpgradeRequest, protocol: string): WebSocket {
  const server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: maxMessageBytes,
    handleProtocols: () => protocol || false,
  });
  let opened: WebSocket | undefined;
  let failure = new Error('the connection is closed');
  // With a listener the library leaves the answer to us; all its checks are done before `handleUpgrade` returns.
  server.on('wsClientError', (error) => {
    failure = error;
  });
  server.handleUpgrade(request, socket, head, (webSocket) => {
    opened = webSocket;
  });
  if (!opened) throw failure;
  return opened;
}

/** Where the messages come from. */
export interface Pausable {
  pause(): void;
  resume(): void;
}

/** Sends messages and pauses their source while the client does not keep up. */
export class WebSocketSender {
  readonly #webSocket: WebSocket;
  readonly #source: Pausable;
  #isPaused = false;

  constructor(webSocket: WebSocket, source: Pausable) {
    this.#webSocket = webSocket;
    this.#source = source;
  }

  send(message: Buffer | string): void {
    // A message after the client has gone fails; its `close` event tells.
    this.#webSocket.send(message, () => this.#sent());
    if (this.#isPaused || this.#webSocket.bufferedAmount <= highWaterBytes) return;
    this.#isPaused = true;
    this.#source.pause();
  }

  #sent(): void {
    if (!this.#isPaused || this.#webSocket.bufferedAmount > lowWaterBytes) return;
    this.#isPaused = false;
    this.#source.resume();
  }
}

/** A message as one piece of bytes, whichever form the library chose. */
export const bytesOf = (data: Buffer | ArrayBuffer | Buffer[]): Buffer => {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
};

/** Kubernetes' servers end a stream with code 1000, whatever the outcome: that is told on the error channel. */
export const normalClosure = 1000;
