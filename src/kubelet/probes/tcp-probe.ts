import { connect } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import { dialError } from './dial-error.ts';

/** Resolves when a connection could be made; it is closed at once. */
export function connectTcp(input: { host: string; port: number; timeoutMs: number }, clock: Clock): Promise<void> {
  const { host, port, timeoutMs } = input;
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    const done = (error?: Error) => {
      cancel();
      socket.destroy();
      if (error) reject(error);
      else resolve();
    };
    const cancel = clock.after(timeoutMs, () => done(new Error(`dial tcp ${host}:${port}: i/o timeout`)));
    socket.on('connect', () => done());
    socket.on('error', (error) => done(dialError(error, host, port)));
  });
}
