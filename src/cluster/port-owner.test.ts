import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { listenersOf, portOwner } from './port-owner.ts';

describe('the owner of a port', () => {
  it('is the process that listens on it', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    expect(await portOwner(port)).toContain(`(process ${process.pid})`);
    server.close();
    await once(server, 'close');
    expect(await portOwner(port)).toBeUndefined();
  });

  it('is not somebody who is only connected from it', () => {
    const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:192B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1
   1: 0100007F:192B 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 4712 1`;
    expect(listenersOf(table, 6443)).toEqual(['4711']);
    expect(listenersOf(table, 6444)).toEqual([]);
  });
});
