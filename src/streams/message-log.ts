import type { IncomingMessage } from 'node:http';
import { acceptWebSocket, normalClosure, type UpgradeRequest, WebSocketSender } from './websocket.ts';

/** How pieces of a log are sent: as they are, or as text in base64. Kubernetes' names; the first one goes without a name. */
const protocols: Record<string, (piece: Buffer) => Buffer | string> = {
  '': (piece) => piece,
  'binary.k8s.io': (piece) => piece,
  'base64.binary.k8s.io': (piece) => piece.toString('base64'),
};

const protocolOf = (request: IncomingMessage): string => {
  const asked = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  return asked.find((name) => protocols[name] !== undefined) ?? '';
};

/** Hands a log on as messages of a WebSocket, a piece each, until it ends or the client goes away. */
export function sendLog(to: UpgradeRequest, log: IncomingMessage): void {
  const protocol = protocolOf(to.request);
  const shape = protocols[protocol] ?? ((piece) => piece);
  const webSocket = acceptWebSocket(to, protocol);
  const sender = new WebSocketSender(webSocket, log);
  webSocket.on('error', () => log.destroy());
  webSocket.on('close', () => log.destroy());
  log.on('data', (piece: Buffer) => sender.send(shape(piece)));
  log.on('end', () => webSocket.close(normalClosure));
  // A node that goes away in the middle must not look like the end of the log.
  log.on('error', () => webSocket.terminate());
}
