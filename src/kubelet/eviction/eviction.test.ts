import { describe, expect, it } from 'vitest';
import type { Pod, PodSpec } from '../../api/generated/types.ts';
import { silentLog } from '../../base/log.ts';
import { VirtualClock } from '../../base/virtual-clock.ts';
import { admit } from '../admission.ts';
import { initialPodState } from '../pod-worker.ts';
import type { PodStorage } from '../usage/storage-reader.ts';
import type { PodState } from '../worker/state.ts';
import { type Eviction, Evictor, type EvictorOptions } from './evictor.ts';
import { noPressure, type PressureState, stepPressure } from './pressure.ts';
import { type PodUse, ranked } from './rank.ts';
import { exceeded, hasStorageLimits } from './storage-limits.ts';
import { type Levels, thresholdsOf } from './thresholds.ts';

const mebibyte = 2 ** 20;
const gibibyte = 2 ** 30;

interface Asked {
  priority?: number;
  memory?: string;
  disk?: string;
  limits?: Record<string, string>;
  volumes?: PodSpec['volumes'];
}

function podOf(name: string, { priority = 0, memory, disk, limits, volumes }: Asked = {}): Pod {
  const requests = { ...(memory ? { memory } : {}), ...(disk ? { 'ephemeral-storage': disk } : {}) };
  const containers = [{ name: 'c', resources: { requests, ...(limits ? { limits } : {}) } }];
  const spec = { priority, containers, ...(volumes ? { volumes } : {}) };
  return { metadata: { name, namespace: 'ns', uid: name }, spec, status: {} };
}

const useOf = (pod: Pod, use: Partial<PodUse> = {}): PodUse => ({
  ...{ pod, memoryBytes: 0, diskBytes: 0, inodes: 0, pids: 0 },
  ...use,
  containers: new Map([['c', { memoryBytes: use.memoryBytes ?? 0, diskBytes: use.diskBytes ?? 0 }]]),
});

const storageOf = (bytes: number, volumes: Record<string, number> = {}, writable = 0): PodStorage => ({
  ...{ logs: new Map(), ephemeral: { bytes, inodes: 1 } },
  writable: new Map([['c', { bytes: writable, inodes: 1 }]]),
  volumes: Object.entries(volumes).map(([name, used]) => ({
    ...{ name, bytes: used, inodes: 1 },
    fileSystem: { capacityBytes: 1, availableBytes: 1, inodes: 1, inodesFree: 1 },
  })),
});

describe('thresholds', () => {
  it("are upstream's unless told; an amount or a share, hard or after a time", () => {
    expect(thresholdsOf({})).toContainEqual(
      expect.objectContaining({ signal: 'memory.available', bound: { amount: 100 * mebibyte }, graceMs: 0 }),
    );
    const own = thresholdsOf({
      ...{ evictionHard: { 'nodefs.available': '5%', 'memory.available': '0' } },
      ...{ evictionSoft: { 'memory.available': '1Gi' }, evictionSoftGracePeriod: { 'memory.available': 60_000 } },
      evictionMinimumReclaim: { 'memory.available': '64Mi' },
    });
    expect(own.map(({ signal, graceMs, reclaim }) => [signal, graceMs, reclaim])).toEqual([
      ['nodefs.available', 0, { amount: 0 }],
      ['memory.available', 60_000, { amount: 64 * mebibyte }],
    ]);
  });

  it('that mean nothing are refused by name', () => {
    expect(() => thresholdsOf({ evictionHard: { 'memory.free': '1Gi' } })).toThrow('memory.free');
    expect(() => thresholdsOf({ evictionHard: { 'nodefs.available': '110%' } })).toThrow('nodefs.available');
    expect(() => thresholdsOf({ evictionSoft: { 'memory.available': '1Gi' } })).toThrow('evictionSoftGracePeriod');
  });
});

describe('pressure', () => {
  const thresholds = thresholdsOf({
    ...{ evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '10%' } },
    ...{ evictionSoft: { 'memory.available': '500Mi' }, evictionSoftGracePeriod: { 'memory.available': 30_000 } },
    evictionMinimumReclaim: { 'nodefs.available': '1Gi' },
  });
  let state: PressureState = noPressure;
  const look = (nowMs: number, memory: number, disk = 50) => {
    const levels: Levels = {
      'memory.available': { available: memory * mebibyte, capacity: 4 * gibibyte },
      'nodefs.available': { available: disk * gibibyte, capacity: 100 * gibibyte },
    };
    const verdict = stepPressure(state, { levels, thresholds, nowMs, transitionMs: 300_000 });
    state = verdict.state;
    return [[...verdict.pressures].sort(), verdict.met.map(({ signal, text }) => `${signal}<${text}`)];
  };

  it('begins at once below a hard threshold, later below a soft one, and ends a while after', () => {
    state = noPressure;
    expect(look(0, 1000)).toEqual([[], []]);
    expect(look(10_000, 400)).toEqual([[], []]);
    expect(look(30_000, 400)).toEqual([[], []]);
    expect(look(40_000, 400)).toEqual([['MemoryPressure'], ['memory.available<500Mi']]);
    expect(look(50_000, 50)).toEqual([['MemoryPressure'], ['memory.available<100Mi', 'memory.available<500Mi']]);
    expect(look(60_000, 1000)).toEqual([['MemoryPressure'], []]);
    expect(look(349_000, 1000)).toEqual([['MemoryPressure'], []]);
    expect(look(350_000, 1000)).toEqual([[], []]);
  });

  it('a soft threshold begins anew when it was not met in between', () => {
    state = noPressure;
    look(0, 400);
    look(20_000, 1000);
    expect(look(40_000, 400)).toEqual([[], []]);
  });

  it('is over only when as much more is free as was asked for; memory comes first', () => {
    state = noPressure;
    expect(look(0, 50, 9)).toEqual([
      ['DiskPressure', 'MemoryPressure'],
      ['memory.available<100Mi', 'nodefs.available<10%'],
    ]);
    expect(look(10_000, 1000, 10.5)[1]).toEqual(['nodefs.available<10%']);
    expect(look(20_000, 1000, 11)[1]).toEqual([]);
    // Met anew only below the threshold itself.
    expect(look(30_000, 1000, 10.5)[1]).toEqual([]);
  });
});

describe('who goes first', () => {
  const names = (uses: PodUse[]) => uses.map(({ pod }) => pod.metadata.name);

  it('of memory: those over their requests, by priority, then by how much', () => {
    const uses = [
      useOf(podOf('within', { memory: '1Gi', priority: -5 }), { memoryBytes: 900 * mebibyte }),
      useOf(podOf('over-a-little', { memory: '100Mi' }), { memoryBytes: 110 * mebibyte }),
      useOf(podOf('over-much', { memory: '100Mi' }), { memoryBytes: 300 * mebibyte }),
      useOf(podOf('important', { priority: 1000 }), { memoryBytes: 900 * mebibyte }),
      useOf(podOf('critical', { priority: 2_000_001_000 }), { memoryBytes: gibibyte }),
    ];
    expect(names(ranked(uses, 'memory.available'))).toEqual(['over-much', 'over-a-little', 'important', 'within']);
  });

  it('of the disk: what it uses over its request of ephemeral storage; not those that have nothing there', () => {
    const uses = [
      useOf(podOf('asked', { disk: '10Gi' }), { diskBytes: 9 * gibibyte }),
      useOf(podOf('little'), { diskBytes: mebibyte }),
      useOf(podOf('nothing')),
    ];
    expect(names(ranked(uses, 'nodefs.available'))).toEqual(['little', 'asked']);
  });

  it('of processes: by priority, then by number', () => {
    const uses = [
      useOf(podOf('many', { priority: 1 }), { pids: 999 }),
      useOf(podOf('few'), { pids: 2 }),
      useOf(podOf('more'), { pids: 5 }),
    ];
    expect(names(ranked(uses, 'pid.available'))).toEqual(['more', 'few', 'many']);
  });

  it('never a static pod', () => {
    const pod = podOf('static');
    pod.metadata.annotations = { 'kubernetes.io/config.source': 'file' };
    expect(ranked([useOf(pod, { memoryBytes: gibibyte })], 'memory.available')).toEqual([]);
  });
});

describe("a pod's own limits of storage", () => {
  const volumes = [{ name: 'cache', emptyDir: { sizeLimit: '1Mi' } }];

  it('of a volume, of a container, of all containers', () => {
    expect(exceeded(podOf('p', { volumes }), storageOf(2 * mebibyte, { cache: 2 * mebibyte }))).toBe(
      'Usage of EmptyDir volume "cache" exceeds the limit "1Mi". ',
    );
    expect(exceeded(podOf('p', { volumes }), storageOf(0, { cache: mebibyte }))).toBeUndefined();
    const limited = podOf('p', { limits: { 'ephemeral-storage': '4Mi' } });
    expect(exceeded(limited, storageOf(5 * mebibyte))).toBe(
      'Pod ephemeral local storage usage exceeds the total limit of containers 4Mi. ',
    );
    const two = podOf('p', { limits: { 'ephemeral-storage': '4Mi' } });
    two.spec.containers.push({ name: 'free' });
    expect(exceeded(two, storageOf(9 * mebibyte, {}, 5 * mebibyte))).toBe(
      'Container c exceeded its local ephemeral storage limit "4Mi". ',
    );
    expect(exceeded(two, storageOf(9 * mebibyte, {}, 3 * mebibyte))).toBeUndefined();
  });

  it('are looked at only where there are such', () => {
    expect(
      [podOf('p'), podOf('p', { volumes }), podOf('p', { limits: { memory: '1Gi' } })].map(hasStorageLimits),
    ).toEqual([...[false, true, false]]);
  });
});

describe('a node that is short of something', () => {
  const node = { metadata: { name: 'n' }, spec: {}, status: { allocatable: { memory: '8Gi', pods: '9' } } };
  const others: Pod[] = [];
  const why = (pod: Pod, ...pressures: ('MemoryPressure' | 'DiskPressure')[]) =>
    admit(pod, node, { others, pressures: new Set(pressures) })?.message;

  it('takes no pod that has not said what memory it needs', () => {
    expect(why(podOf('p'), 'MemoryPressure')).toBe('Pod was rejected: The node had condition: [MemoryPressure]. ');
    expect(why(podOf('p', { memory: '1Gi' }), 'MemoryPressure')).toBeUndefined();
    const tolerant = podOf('p');
    tolerant.spec.tolerations = [{ key: 'node.kubernetes.io/memory-pressure', operator: 'Exists' }];
    expect(why(tolerant, 'MemoryPressure')).toBeUndefined();
  });

  it('takes only critical pods when the disk is full', () => {
    expect(why(podOf('p', { memory: '1Gi' }), 'DiskPressure')).toContain('[DiskPressure]');
    expect(why(podOf('p', { priority: 2_000_000_000 }), 'DiskPressure')).toBeUndefined();
    expect(why(podOf('p'))).toBeUndefined();
  });
});

describe('Evictor', () => {
  function world(options: EvictorOptions = {}) {
    const clock = new VirtualClock();
    const states: PodState[] = [];
    const evictions: [uid: string, Eviction][] = [];
    const events: string[] = [];
    const levels: Levels = {
      'memory.available': { available: gibibyte, capacity: 4 * gibibyte },
      'nodefs.available': { available: 50 * gibibyte, capacity: 100 * gibibyte },
    };
    const calls = { changed: 0, reclaimed: 0, freed: 0 };
    const uses = new Map<string, Partial<PodUse>>();
    const storage = new Map<string, PodStorage>();
    const evictor = new Evictor(
      {
        ...{ clock, log: silentLog, about: { kind: 'Node', name: 'n' } },
        recorder: { event: (_, type, reason, message) => events.push(`${type} ${reason} ${message}`) },
        pods: {
          states: () => states,
          evict(uid, eviction) {
            evictions.push([uid, eviction]);
            const i = states.findIndex(({ pod }) => pod.metadata.uid === uid);
            states[i] = { ...(states[i] as PodState), stage: 'terminating' };
          },
        },
        levels: async () => levels,
        uses: async () => states.map(({ pod }) => useOf(pod, uses.get(pod.metadata.uid ?? ''))),
        storageOf: async ({ pod }) => storage.get(pod.metadata.uid ?? '') ?? storageOf(0),
        async reclaimDisk() {
          calls.reclaimed++;
          const disk = levels['nodefs.available'];
          if (disk) disk.available += calls.freed;
        },
        changed: () => calls.changed++,
      },
      options,
    );
    const run = (pod: Pod, use: Partial<PodUse> = {}) => {
      states.push(initialPodState(pod, 0));
      uses.set(pod.metadata.uid ?? '', use);
    };
    const set = (signal: keyof Levels, available: number) => {
      (levels[signal] as { available: number }).available = available;
    };
    return { clock, evictor, evictions, events, calls, run, set, states, storage };
  }

  it('leaves a node in peace that has enough', async () => {
    const { evictor, evictions, calls, run } = world();
    run(podOf('p'), { memoryBytes: gibibyte });
    await evictor.check();
    expect([evictions, calls.changed, evictor.pressures.size]).toEqual([[], 0, 0]);
  });

  it('lets one pod go at a time, and says why in upstream’s words', async () => {
    const { clock, evictor, evictions, events, calls, run, set, states } = world();
    run(podOf('small', { memory: '32Mi' }), { memoryBytes: 64 * mebibyte });
    run(podOf('large'), { memoryBytes: 640 * mebibyte });
    set('memory.available', 50 * mebibyte);
    await evictor.check();
    expect(evictions).toEqual([
      [
        'large',
        {
          ...{ reason: 'Evicted', graceSeconds: 1 },
          message:
            'The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. Container c was using 640Mi, request is 0, has larger consumption of memory. ',
        },
      ],
    ]);
    expect(events).toEqual(['Warning EvictionThresholdMet Attempting to reclaim memory']);
    expect([calls.changed, [...evictor.pressures]]).toEqual([1, ['MemoryPressure']]);
    // It has not given back what it had yet.
    await clock.advance(10_000);
    await evictor.check();
    expect(evictions).toHaveLength(1);
    states.splice(1, 1);
    await clock.advance(10_000);
    await evictor.check();
    expect(evictions.map(([uid]) => uid)).toEqual(['large', 'small']);
    expect(events).toHaveLength(1);
  });

  it('does not wait for ever for a pod that does not end', async () => {
    const { clock, evictor, evictions, run, set } = world();
    run(podOf('stuck'), { memoryBytes: gibibyte });
    run(podOf('next'), { memoryBytes: mebibyte });
    set('memory.available', 0);
    await evictor.check();
    await clock.advance(30_000);
    await evictor.check();
    expect(evictions.map(([uid]) => uid)).toEqual(['stuck', 'next']);
  });

  it('gives a pod its grace below a soft threshold, up to what is allowed', async () => {
    const { clock, evictor, evictions, run, set } = world({
      ...{ evictionSoft: { 'memory.available': '500Mi' }, evictionSoftGracePeriod: { 'memory.available': 10_000 } },
      evictionMaxPodGracePeriod: 12,
    });
    run(podOf('p'), { memoryBytes: mebibyte });
    set('memory.available', 400 * mebibyte);
    await evictor.check();
    await clock.advance(10_000);
    await evictor.check();
    expect(evictions.map(([, { graceSeconds }]) => graceSeconds)).toEqual([12]);
  });

  it('gives back what nobody needs before a pod has to go for the disk', async () => {
    const { evictor, evictions, calls, run, set } = world();
    run(podOf('p'), { diskBytes: gibibyte });
    set('nodefs.available', 9 * gibibyte);
    calls.freed = 5 * gibibyte;
    await evictor.check();
    expect([calls.reclaimed, evictions, [...evictor.pressures]]).toEqual([1, [], ['DiskPressure']]);
    calls.freed = 0;
    set('nodefs.available', 9 * gibibyte);
    await evictor.check();
    expect(evictions.map(([, { message }]) => message)).toEqual([
      'The node was low on resource: ephemeral-storage. Threshold quantity: 10Gi, available: 9Gi. Container c was using 1Gi, request is 0, has larger consumption of ephemeral-storage. ',
    ]);
  });

  it('ends a pod that exceeds its own limits, however much the node has', async () => {
    const { evictor, evictions, run, storage } = world();
    run(podOf('greedy', { limits: { 'ephemeral-storage': '4Mi' } }));
    run(podOf('modest', { limits: { 'ephemeral-storage': '4Mi' } }));
    storage.set('greedy', storageOf(5 * mebibyte));
    await evictor.check();
    expect(evictions.map(([uid]) => uid)).toEqual(['greedy']);
    expect(evictor.pressures.size).toBe(0);
  });
});
