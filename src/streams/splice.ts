import type { Socket } from 'node:net';

/** A side that has been told of the end has this long without any byte moving; then it is cut. */
const lingerMs = 10_000;
/** A peer that vanished without a word is noticed by the kernel's probes. */
const keepAliveMs = 30_000;

/**
 * Joins two connections byte by byte, with back-pressure, until either ends. What one side sent before it ended still
 * reaches the other.
 */
export function splice(one: Socket, other: Socket): void {
  join(one, other);
  join(other, one);
}

function join(from: Socket, to: Socket): void {
  from.setNoDelay(true);
  from.setKeepAlive(true, keepAliveMs);
  from.on('error', () => from.destroy());
  if (from.destroyed) return endGently(to);
  from.on('close', () => endGently(to));
  from.pipe(to);
}

/** Ends a connection after what is still to be written, and does not wait for ever. */
export function endGently(socket: Socket): void {
  if (socket.destroyed) return;
  socket.setTimeout(lingerMs, () => socket.destroy());
  socket.end();
  // What still comes goes nowhere, but has to be read for the end to be seen.
  socket.resume();
}
