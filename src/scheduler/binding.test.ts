import { describe, expect, it } from 'vitest';
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod } from '../api/generated/types.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import { Snapshot } from '../placement/snapshot.ts';
import { bind, BindingFailure, release, reserve } from './binding.ts';
import { PermitBarrier } from './permit-barrier.ts';
import type { BindingHandle, Placed, SchedulerPlugin } from './plugin.ts';
import { defaultPlugins } from './plugins.ts';
import { profileOf } from './profile.ts';

const pod = {
  metadata: { name: 'p', namespace: 'ns', uid: 'p' },
  spec: {
    containers: [{ name: 'c', image: 'i', resources: { requests: { cpu: '1' } } }],
    volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }],
  },
  status: {},
} as unknown as Pod;

function world(): Snapshot {
  const snapshot = new Snapshot();
  const status = { allocatable: { cpu: '1', memory: '1Gi', pods: '10' } };
  snapshot.updateNode({ metadata: { name: 'a' }, spec: {}, status } as unknown as Node);
  const { classes, claims, volumes } = snapshot.volumes;
  const volumeBindingMode = 'WaitForFirstConsumer';
  classes.set({ metadata: { name: 'local' }, provisioner: 'kubernetes.io/no-provisioner', volumeBindingMode });
  const common = { accessModes: ['ReadWriteOnce'], storageClassName: 'local' };
  claims.set({
    metadata: { name: 'data', namespace: 'ns', uid: 'data' },
    spec: { ...common, resources: { requests: { storage: '1Gi' } } },
    status: {},
  } as unknown as PersistentVolumeClaim);
  volumes.set({
    metadata: { name: 'disk' },
    spec: { ...common, capacity: { storage: '1Gi' } },
    status: { phase: 'Available' },
  } as unknown as PersistentVolume);
  return snapshot;
}

const takenBy = (snapshot: Snapshot) => snapshot.volumes.volumes.get('disk')?.spec.claimRef?.name;
const at = { node: 'a', slot: 0 };

describe('reserve', () => {
  const profile = profileOf(defaultPlugins);

  it('takes node and volumes in memory; release gives everything back, but not what has changed since', () => {
    const snapshot = world();
    const placed = reserve(profile, snapshot, pod, at);
    expect([snapshot.podCount, takenBy(snapshot)]).toEqual([1, 'data']);
    release(profile, placed);
    expect([snapshot.podCount, takenBy(snapshot)]).toEqual([0, undefined]);
    const again = reserve(profile, snapshot, pod, at);
    const disk = snapshot.volumes.volumes.get('disk') as PersistentVolume;
    snapshot.volumes.volumes.set({ ...disk, spec: { ...disk.spec, claimRef: { name: 'other' } } });
    release(profile, again);
    expect(takenBy(snapshot)).toBe('other');
  });

  it('counts a pod once that was promised the node', () => {
    const snapshot = world();
    snapshot.nominations.set(pod, 'a');
    reserve(profile, snapshot, pod, at);
    expect([snapshot.podCount, snapshot.nominations.isEmpty]).toEqual([1, true]);
  });

  it('gives everything back when a later plugin cannot take its part', () => {
    const snapshot = world();
    const late = { name: 'Late', reserve: () => 'no more' };
    const failing = profileOf([...defaultPlugins, late]);
    expect(() => reserve(failing, snapshot, pod, at)).toThrow(
      new BindingFailure('running Reserve plugin "Late": no more'),
    );
    expect([snapshot.podCount, takenBy(snapshot)]).toEqual([0, undefined]);
  });
});

describe('bind', () => {
  /** What is done, in order. */
  async function steps(plugins: readonly SchedulerPlugin[], barrier?: PermitBarrier): Promise<string[]> {
    const done: string[] = [];
    const logging = (what: string) => async () => {
      done.push(what);
    };
    const preBound = plugins.map((plugin) => ({ ...plugin, preBind: logging(plugin.name) }));
    const profile = profileOf([...preBound, { name: 'Binder', bind: logging('bind') }]);
    const placed = { pod, ...at, snapshot: world(), state: new Map() } satisfies Placed;
    const binding = bind(profile, placed, {} as BindingHandle, { barrier, announce: logging('announce') });
    if (barrier) await barrier.pass();
    await binding;
    return done;
  }
  const idle = { name: 'Idle', preFlight: () => false };
  const busy = { name: 'Busy', preFlight: () => true };

  it('says where the pod goes when a plugin has something to do first, and asks only those that have', async () => {
    expect(await steps([idle, busy, { name: 'Plain' }])).toEqual(['announce', 'Busy', 'Plain', 'bind']);
    expect(await steps([idle])).toEqual(['bind']);
  });

  it('says it of a pod that will wait for others', async () => {
    const clock = new VirtualClock();
    expect(await steps([idle], new PermitBarrier(clock, 2, { isSlow: true }))).toEqual(['announce', 'bind']);
    expect(await steps([idle], new PermitBarrier(clock, 2))).toEqual(['bind']);
  });
});
