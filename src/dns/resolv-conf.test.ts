import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { VirtualClock } from '../base/virtual-clock.ts';
import { followResolvConf } from './resolv-conf.ts';

describe('followResolvConf', () => {
  const dir = mkdtempSync(join(tmpdir(), 'resolv-conf-'));
  const files = [join(dir, 'etc'), join(dir, 'resolved')];
  const [etc, resolved] = files as [string, string];
  afterAll(() => rmSync(dir, { recursive: true }));

  it('has the servers of the network that the machine is in now, also after one without any', async () => {
    const clock = new VirtualClock();
    const upstreams = followResolvConf({ clock }, { ownAddress: '10.96.0.10', files });
    expect(await upstreams()).toEqual([]);
    writeFileSync(etc, 'nameserver 192.0.2.1\n');
    await clock.advance(5000);
    expect(await upstreams()).toEqual(['192.0.2.1']);
    writeFileSync(etc, 'nameserver 198.51.100.7\n');
    // Read at most every five seconds, however much is asked.
    expect(await upstreams()).toEqual(['192.0.2.1']);
    await clock.advance(5000);
    expect(await upstreams()).toEqual(['198.51.100.7']);
    // The clock was turned back.
    writeFileSync(etc, 'nameserver 192.0.2.9\n');
    clock.reset(clock.now() - 3_600_000);
    expect(await upstreams()).toEqual(['192.0.2.9']);
  });

  it('asks behind a stub on the loopback', async () => {
    writeFileSync(etc, 'nameserver 127.0.0.53\n');
    writeFileSync(resolved, 'nameserver 192.0.2.3\n');
    const upstreams = followResolvConf({ clock: new VirtualClock() }, { ownAddress: '10.96.0.10', files });
    expect(await upstreams()).toEqual(['192.0.2.3']);
  });
});
