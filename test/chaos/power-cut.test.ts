import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { realClock } from '../../src/base/clock.ts';
import { Campaign, isLong, seed } from './campaign.ts';
import { type Fault, FaultyDisk, parseLog, undoOf } from './faulty-disk.ts';
import { ServerProcess } from './server-process.ts';

const cuts = isLong ? 64 : 8;
/** When the power goes; undefined: at random, which seldom meets the short time between a write and its flush. */
const moments: (Fault | undefined)[] = [
  'power goes before a flush',
  undefined,
  'power goes after a durable write',
  'power goes after a flush',
];

describe('a disk that can fail', () => {
  const dir = mkdtempSync(join(tmpdir(), 'knarr-disk-'));
  let campaign: Campaign;
  let disk: FaultyDisk;

  beforeAll(async () => {
    const server = await ServerProcess.prepare();
    disk = await FaultyDisk.prepare(dir, join(server.layout.stateDir, 'data.mdb'));
    campaign = new Campaign(server, disk.env);
  });
  afterAll(async () => {
    await campaign.dispose();
    rmSync(dir, { recursive: true });
  });

  it('a power cut at any moment loses nothing that was acknowledged', async () => {
    const { server, rng, ledger } = campaign;
    const lost: Record<string, number> = {};
    for (let cut = 0; cut < cuts; cut++) {
      const moment = moments[cut % moments.length];
      expect(await campaign.startAndCheck(), `seed ${seed}, cut ${cut}`).toEqual([]);
      await campaign.writeUntil(() => {
        if (!moment) return server.kill();
        disk.fault(moment);
        // A journal that never flushes would wait for ever.
        const cancel = realClock.after(5000, () => void server.kill());
        return server.exit.finally(cancel);
      });
      disk.fault(undefined);
      const blocks = disk.cutPower(cut < moments.length ? undefined : rng);
      lost[moment ?? 'at random'] = (lost[moment ?? 'at random'] ?? 0) + blocks;
    }
    expect(await campaign.startAndCheck(), `seed ${seed}, at the end`).toEqual([]);
    await campaign.writeUntil(() => server.kill());
    disk.cutPower();
    // Or this would show nothing.
    expect(lost['power goes before a flush']).toBeGreaterThan(0);
    console.log(
      `${cuts} power cuts, ${ledger.acknowledged} acknowledged, blocks lost: ${JSON.stringify(lost)}, seed ${seed}`,
    );
  });

  it.each(['flush fails', 'write fails'] as const)(
    '%s: the server ends and has acknowledged nothing of it',
    async (fault) => {
      const { server } = campaign;
      expect(await campaign.startAndCheck()).toEqual([]);
      await campaign.writeUntil(async () => {
        disk.fault(fault);
        // LMDB itself sometimes aborts when it finds no space: that is an end as well.
        expect([70, null], server.log()).toContain((await server.exit).code);
      });
      disk.fault(undefined);
      disk.cutPower();
      expect(await campaign.startAndCheck()).toEqual([]);
      await campaign.writeUntil(() => server.kill());
    },
  );

  it('the loss is seen when the disk lies about its flushes', async () => {
    const { server } = campaign;
    disk.cutPower();
    expect(await campaign.startAndCheck()).toEqual([]);
    disk.fault('flush lies');
    await campaign.writeUntil(() => server.kill());
    disk.fault(undefined);
    expect(disk.cutPower()).toBeGreaterThan(0);
    expect((await campaign.startAndCheck()).join()).toMatch(/lost|acknowledged/);
  });
});

describe('the notes of the disk', () => {
  const record = (kind: string, offset: number, bytes: Buffer, size: number): Buffer => {
    const head = Buffer.alloc(32);
    [kind.charCodeAt(0), offset, bytes.length, size].forEach((n, i) => head.writeBigUInt64LE(BigInt(n), i * 8));
    return Buffer.concat([head, bytes]);
  };

  it('give back the oldest bytes of each block, with what was durable in between, and leave out a torn end', () => {
    const log = Buffer.concat([
      record('D', 40, Buffer.from('before'), 0),
      record('U', 0, Buffer.alloc(8192, 'a'), 8192),
      record('U', 4096, Buffer.alloc(4096, 'b'), 8192),
      record('D', 4100, Buffer.from('durable'), 0),
      record('U', 4100, Buffer.from('later'), 8192),
      record('U', 8192, Buffer.alloc(4096, 'c'), 8192).subarray(0, 100),
    ]);
    const { blocks, size } = undoOf(parseLog(log));
    expect(size).toBe(8192);
    expect(blocks.map(({ offset, bytes }) => [offset, bytes.length, bytes.toString('latin1', 0, 12)])).toEqual([
      [0, 4096, 'aaaaaaaaaaaa'],
      [4096, 4096, 'aaaadurablea'],
    ]);
  });
});
