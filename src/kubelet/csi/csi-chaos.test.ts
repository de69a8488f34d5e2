import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Pod } from '../../api/generated/types.ts';
import { type Rng, seededRng } from '../../base/rng.ts';
import { CsiWorld, driverName, podOf, until, volumeOf } from './csi-harness.ts';
import type { DriverCall } from './fake-driver.ts';

const pods = ['u1', 'u2', 'u3', 'u4'].map((uid) => podOf(uid));
const volumes = ['1', '2'].map((name) => ({
  ...volumeOf({ volumeHandle: `vol/${name}` }, { accessModes: ['ReadWriteMany'] }),
  metadata: { name: `pv-${name}` },
}));
const uidOf = (pod: Pod): string => pod.metadata.uid ?? '';

/** What a storage system would know of the node: what is staged, and what is published where. */
class Storage {
  readonly staged = new Set<string>();
  readonly published = new Map<string, string>();
  /** Broken promises, in words. */
  readonly violations: string[] = [];

  publish = async (target: string, volumeId: string): Promise<void> => {
    if (!this.staged.has(volumeId)) this.violations.push(`${volumeId} published without being staged`);
    this.published.set(target, volumeId);
    await mkdir(target, { recursive: true });
  };

  unpublish = async (target: string): Promise<void> => {
    this.published.delete(target);
    await rm(target, { recursive: true, force: true });
  };

  stage({ name, request: { volumeId } }: DriverCall): void {
    if (name === 'NodeStageVolume') this.staged.add(volumeId);
    if (name !== 'NodeUnstageVolume') return;
    if ([...this.published.values()].includes(volumeId)) this.violations.push(`${volumeId} unstaged while published`);
    this.staged.delete(volumeId);
  }

  ofPod(pod: Pod): string[] {
    return [...this.published.keys()].filter((path) => path.includes(`/pods/${uidOf(pod)}/`));
  }
}

/** What a call comes to in bad times: a third fails, some of that after it was done. */
function fateOf(rng: Rng) {
  const chance = rng.next();
  if (chance > 0.3) return undefined;
  const isDone = chance < 0.1;
  return { code: isDone || chance < 0.2 ? ('Unavailable' as const) : ('Internal' as const), isDone };
}

/** A node, its driver that fails as it likes, pods that come and go at once, and an agent that dies between. */
async function run(seed: number): Promise<{ storage: Storage; world: CsiWorld }> {
  const rng = seededRng(seed);
  const storage = new Storage();
  const world = new CsiWorld(await mkdtemp(join(tmpdir(), 'csi-')));
  world.haste = 100;
  world.isMounted = (path) => storage.published.has(path);
  await world.start();
  await world.rules({ attachRequired: false });
  const driver = await world.driver({ publish: storage.publish, unpublish: storage.unpublish });
  driver.fate = (call) => {
    const fate = fateOf(rng);
    if (fate?.isDone !== false) storage.stage(call);
    return fate;
  };
  const wanted = new Set<Pod>();
  const step = async (pod: Pod): Promise<void> => {
    if (wanted.has(pod) && rng.next() < 0.5) {
      await world.csi.volumes.teardown(uidOf(pod));
      wanted.delete(pod);
      if (storage.ofPod(pod).length > 0) storage.violations.push(`${uidOf(pod)} is gone and has volumes`);
      return;
    }
    wanted.add(pod);
    for (const volume of volumes) {
      const path = await world.mount(pod, volume);
      if (!storage.published.has(path)) storage.violations.push(`${path} is not there`);
    }
  };
  for (let round = 0; round < 12; round++) {
    await Promise.allSettled(pods.map(step));
    if (rng.next() < 0.3) {
      const before = driver.answers.length;
      await world.restart();
      await until(() => driver.answers.length > before);
    }
  }
  driver.fate = (call) => {
    storage.stage(call);
    return undefined;
  };
  for (const pod of pods) await world.csi.volumes.teardown(uidOf(pod));
  await until(async () => (await readdir(join(world.root, 'plugins/kubernetes.io/csi', driverName))).length === 0);
  return { storage, world };
}

describe('volumes whose driver fails and whose agent dies', () => {
  for (let seed = 0; seed < 8; seed++) {
    it(`seed ${seed} leaves nothing behind`, async () => {
      const { storage, world } = await run(seed);
      expect(storage.violations).toEqual([]);
      expect([[...storage.staged], [...storage.published]]).toEqual([[], []]);
      for (const pod of pods)
        expect(
          await readdir(join(world.root, 'pods', uidOf(pod), 'volumes/kubernetes.io~csi')).catch(() => []),
        ).toEqual([]);
      await world.stop();
      await rm(world.root, { recursive: true, force: true });
    });
  }
});
