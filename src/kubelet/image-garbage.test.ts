import { describe, expect, it } from 'vitest';
import { silentLog } from '../base/log.ts';
import { seededRng } from '../base/rng.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import { imageId } from '../cri/fake-images.ts';
import { FakeCri } from '../cri/fake.ts';
import { fakeImageAccess } from './image-access/fake-image-access.ts';
import { ImageGarbage, type ImageGarbageOptions } from './image-garbage.ts';

const gibibyte = 2 ** 30;

async function world(options: ImageGarbageOptions = {}) {
  const clock = new VirtualClock();
  const cri = new FakeCri(
    { clock, rng: seededRng(1) },
    {
      images: ['old:1', 'new:1', 'used:1', 'loaded:1'].map((ref) => ({
        ref,
        present: ref === 'loaded:1',
        sizeBytes: gibibyte,
      })),
    },
  );
  const events: string[] = [];
  const mounted: string[] = [];
  const disk = { capacityBytes: 100 * gibibyte, availableBytes: 50 * gibibyte, inodes: 1, inodesFree: 1 };
  const access = fakeImageAccess(clock);
  const garbage = new ImageGarbage(
    {
      ...{ images: cri.images, runtime: cri.runtime, clock, log: silentLog, about: { kind: 'Node', name: 'n' } },
      recorder: { event: (_, type, reason, message) => events.push(`${type} ${reason} ${message}`) },
      mounted: () => mounted,
      access,
      fileSystem: async () => disk,
    },
    options,
  );
  const pull = (ref: string) => cri.images.PullImage({ image: { image: ref } });
  const names = async () =>
    ((await cri.images.ListImages({})).images ?? []).flatMap(({ repoTags }) => repoTags ?? []).sort();
  const use = async (ref: string) => {
    const config = { metadata: { name: ref, uid: ref, namespace: 'ns', attempt: 0 } };
    const { podSandboxId = '' } = await cri.runtime.RunPodSandbox({ config });
    const container = { metadata: { name: 'c', attempt: 0 }, image: { image: ref } };
    await cri.runtime.CreateContainer({ podSandboxId, config: container, sandboxConfig: config });
  };
  for (const ref of ['old:1', 'used:1']) await pull(ref);
  await use('used:1');
  return { clock, cri, access, garbage, disk, events, mounted, pull, names };
}

describe('images that nobody uses', () => {
  it('stay while there is room', async () => {
    const { garbage, names } = await world();
    await garbage.collect();
    expect(await names()).toEqual(['loaded:1', 'old:1', 'used:1']);
  });

  it('stay on a full disk while pods have them as volumes', async () => {
    const { garbage, disk, mounted, names } = await world();
    mounted.push('old:1');
    disk.availableBytes = 14 * gibibyte;
    await garbage.collect();
    expect(await names()).toContain('old:1');
    mounted.length = 0;
    await garbage.collect();
    expect(await names()).not.toContain('old:1');
  });

  it('go when the disk is full, the longest unused first, until it is not; never a young, used or loaded one', async () => {
    const { clock, garbage, disk, events, pull, names } = await world();
    await garbage.collect();
    await pull('new:1');
    disk.availableBytes = 14 * gibibyte;
    await clock.advance(60_000);
    await garbage.collect();
    expect(await names()).toEqual(['loaded:1', 'new:1', 'used:1']);
    expect(events).toEqual([
      `Warning FreeDiskSpaceFailed Failed to garbage collect required amount of images. Attempted to free ${6 * gibibyte} bytes, but only found ${gibibyte} bytes eligible to free.`,
    ]);
    await clock.advance(120_000);
    await garbage.collect();
    expect(await names()).toEqual(['loaded:1', 'used:1']);
  });

  it('no more of them go than is needed', async () => {
    const { clock, garbage, disk, pull, names } = await world({ imageMinimumGCAge: 0 });
    await garbage.collect();
    await clock.advance(1000);
    await pull('new:1');
    await garbage.collect();
    Object.assign(disk, { capacityBytes: 20 * gibibyte, availableBytes: 3.2 * gibibyte });
    await garbage.collect();
    expect(await names()).toContain('old:1');
    // 85 % are used: one image brings it down to 80 %.
    disk.availableBytes = 3 * gibibyte;
    await garbage.collect();
    expect(await names()).toEqual(['loaded:1', 'new:1', 'used:1']);
  });

  it('all go when the node is short of disk', async () => {
    const { garbage, names } = await world();
    await garbage.removeUnused();
    expect(await names()).toEqual(['loaded:1', 'used:1']);
  });

  it('are forgotten with who might use them', async () => {
    const { clock, cri, access, garbage, pull } = await world();
    const source = { secret: { uid: 'u', namespace: 'n', name: 's' } };
    const used = { auth: { username: 'me', password: 'p' }, source };
    const fetch = () => access.pull('old:1', undefined, async () => ({ imageRef: imageId('old:1'), used }));
    const isPreloaded = () => access.mayUse('old:1', imageId('old:1'), async () => []);
    await fetch();
    await garbage.collect();
    expect(await isPreloaded()).toBe(false);
    await clock.advance(1);
    await garbage.removeUnused();
    expect(await cri.images.ImageStatus({ image: { image: 'old:1' } })).toEqual({});
    // Whoever brings it here from now on is not the node.
    expect(await isPreloaded()).toBe(true);
    await pull('old:1');
    await fetch();
    await garbage.collect();
    expect(await isPreloaded()).toBe(false);
  });

  it('go when they are older than is wanted', async () => {
    const { clock, garbage, names } = await world({ imageMaximumGCAge: 3_600_000 });
    await clock.advance(4_000_000);
    await garbage.collect();
    expect(await names()).toEqual(['loaded:1', 'used:1']);
  });
});
