import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { expect, it } from 'vitest';
import { forwardPort } from './forward-port.ts';

it('passes connections on, both ways, and ends them when it is closed', async () => {
  const echo = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
  await once(echo, 'listening');
  const spare = createServer().listen(0, '127.0.0.1');
  await once(spare, 'listening');
  const from = { host: '127.0.0.1', port: (spare.address() as AddressInfo).port };
  await expect(forwardPort(from, from)).rejects.toMatchObject({ code: 'EADDRINUSE' });
  spare.close();
  await once(spare, 'close');
  const forwarder = await forwardPort(from, { host: '127.0.0.1', port: (echo.address() as AddressInfo).port });
  const client = connect(from);
  client.write('there and back');
  expect(String((await once(client, 'data'))[0])).toBe('there and back');
  const ended = once(client, 'close');
  forwarder.close();
  await ended;
  echo.close();
});
