import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, describe, it } from 'vitest';
import { inCheckout, knarr } from './cluster-in-guest.ts';
import { cacheDir, root } from './debian-disk.ts';
import { freshDisks, Guest, removeDisks } from './guest.ts';

/** The journal's promise to have flushed, and the same without it. */
const flushing = 'overlappingSync: false';
const notFlushing = 'overlappingSync: false, noSync: true';

/** A build of this checkout whose journal acknowledges what it has not flushed. */
async function mutantBuild(): Promise<string> {
  const dir = await mkdtemp(join(cacheDir, 'mutant-'));
  await cp(join(root, 'dist'), dir, { recursive: true, preserveTimestamps: true });
  let mutated = 0;
  for (const name of await readdir(dir)) {
    if (!name.endsWith('.js')) continue;
    const text = await readFile(join(dir, name), 'utf8');
    if (!text.includes(flushing)) continue;
    mutated++;
    await writeFile(join(dir, name), text.replaceAll(flushing, notFlushing));
  }
  expect(mutated, `no file of the build has "${flushing}"`).toBeGreaterThan(0);
  return dir;
}

interface Outcome {
  acknowledged: string[];
  lost: string[];
}

/** Long enough that an early write, too, would have been lost by a cut a moment after it; the kernel writes back after 30 s. */
const writesBeforeCut = [60, 150];

/**
 * Twice: writes to a running cluster until the power goes, starts the machine again on the same disks, and asks the cluster for
 * everything that it had acknowledged. Acknowledgements are written down outside of the guest, as they come.
 */
async function cutPowerUnderWrites(dist?: string): Promise<Outcome> {
  const disks = await freshDisks({ dist });
  const acknowledged: string[] = [];
  let guest: Guest | undefined;
  const up = (machine: Guest) => knarr(machine, 'up --no-demo --no-kubeconfig');
  try {
    for (const [round, count] of writesBeforeCut.entries()) {
      guest = await Guest.boot({ disks });
      await up(guest);
      await new Promise<void>((resolve, reject) => {
        let seen = 0;
        const onLine = (line: string) => {
          if (!line.startsWith('ack ')) return console.log(line);
          acknowledged.push(line.slice('ack '.length));
          if (++seen === count) resolve();
        };
        const script = `node test/vm/writer.mjs /var/lib/knarr/knarr/admin.kubeconfig ${round}`;
        guest
          ?.run(inCheckout(script), { onLine })
          .then(({ output }) => reject(new Error(`the writer ended: ${output}`)), reject);
      });
      await guest.cutPower();
      console.log(`power cut after ${acknowledged.length} acknowledged writes`);
    }
    guest = await Guest.boot({ disks });
    await up(guest);
    const names = await guest.output(inCheckout('./knarr kubectl get configmaps -o name'));
    const present = new Set(names.split('\n').map((name) => name.replace('configmap/', '')));
    return { acknowledged, lost: acknowledged.filter((name) => !present.has(name)) };
  } finally {
    await guest?.cutPower();
    await removeDisks(disks);
  }
}

describe('a power cut', () => {
  it('loses no acknowledged write', async () => {
    const { acknowledged, lost } = await cutPowerUnderWrites();
    expect(acknowledged.length).toBeGreaterThanOrEqual(210);
    expect(lost).toEqual([]);
  });

  it('is seen by this test when the journal does not flush', async () => {
    const dist = await mutantBuild();
    try {
      const { lost } = await cutPowerUnderWrites(dist);
      console.log(`lost without the flush: ${lost.length}`);
      expect(lost.length).toBeGreaterThan(0);
    } finally {
      await rm(dist, { recursive: true });
    }
  });
});
