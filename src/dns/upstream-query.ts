import dgram from 'node:dgram';
import net from 'node:net';
import type { Clock } from '../base/clock.ts';
import { StreamMessages } from './stream-messages.ts';
import { answers } from './wire.ts';

export interface Upstream {
  address: string;
  port: number;
}

export interface Attempt {
  clock: Clock;
  timeoutMs: number;
}

/** Asks by UDP from a port of its own and takes only an answer from there to this question; rejects after the time. */
export function askByUdp(upstream: Upstream, query: Buffer, { clock, timeoutMs }: Attempt): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = dgram.createSocket('udp4');
    const cancel = clock.after(timeoutMs, () => finish(new Error(`${upstream.address} does not answer`)));
    let isOver = false;
    const finish = (result: Buffer | Error) => {
      if (isOver) return;
      isOver = true;
      cancel();
      socket.close();
      if (result instanceof Error) reject(result);
      else resolve(result);
    };
    socket.on('error', finish);
    socket.on('message', (message) => {
      if (answers(message, query)) finish(message);
    });
    // A connected socket hears nobody else, and hears at once when nobody listens there.
    socket.connect(upstream.port, upstream.address, (error?: Error) => {
      if (error) finish(error);
      else if (!isOver) socket.send(query);
    });
  });
}

/** The same by TCP, for answers that are too long for UDP. */
export function askByTcp(upstream: Upstream, query: Buffer, { clock, timeoutMs }: Attempt): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: upstream.address, port: upstream.port });
    const messages = new StreamMessages();
    const cancel = clock.after(timeoutMs, () => finish(new Error(`${upstream.address} does not answer by TCP`)));
    const finish = (result: Buffer | Error) => {
      cancel();
      socket.destroy();
      if (result instanceof Error) reject(result);
      else resolve(result);
    };
    socket.on('error', finish);
    socket.on('close', () => finish(new Error(`${upstream.address} closed the connection`)));
    socket.on('connect', () => socket.write(StreamMessages.frame(query)));
    socket.on('data', (chunk) => {
      for (const message of messages.add(chunk)) if (answers(message, query)) finish(message);
    });
  });
}
