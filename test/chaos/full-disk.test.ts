import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Campaign } from './campaign.ts';
import { ServerProcess } from './server-process.ts';
import { SmallDisk } from './small-disk.ts';

describe('the disk of knarr server is full', () => {
  let disk: SmallDisk;
  let campaign: Campaign;

  beforeAll(async () => {
    disk = await SmallDisk.mount(64);
    campaign = new Campaign(await ServerProcess.prepare({ home: disk.dir }));
  });
  afterAll(async () => {
    await campaign.dispose();
    await disk.unmount();
  });

  it('the server ends without acknowledging, reads go on after it, and nothing is lost when there is space again', async () => {
    const { server } = campaign;
    expect(await campaign.startAndCheck()).toEqual([]);
    await campaign.writeUntil(async () => {
      disk.fill();
      expect([70, null]).toContain((await server.exit).code);
    });

    // Still full: it starts again and answers; it is the next write that ends it.
    expect(await campaign.startAndCheck()).toEqual([]);
    expect((await Promise.all([server.exit, campaign.write()]))[0].code).not.toBe(0);

    disk.free();
    expect(await campaign.startAndCheck()).toEqual([]);
    await campaign.writeUntil(() => server.kill());
    expect(await campaign.startAndCheck()).toEqual([]);
  });
});
