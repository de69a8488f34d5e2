import { describe, expect, it } from 'vitest';
import type { Node, Pod } from '../api/generated/types.ts';
import { seededRng } from '../base/rng.ts';
import { Snapshot } from '../placement/snapshot.ts';
import { schedulerConfiguration } from './configuration.ts';
import { schedule } from './cycle.ts';
import { defaultProfile } from './plugins.ts';
import { points, type Profile } from './profile.ts';

const readFile = (file: object) =>
  schedulerConfiguration({
    apiVersion: 'kubescheduler.config.k8s.io/v1',
    kind: 'KubeSchedulerConfiguration',
    ...file,
  });
const read = (...profiles: object[]) => readFile({ profiles });
const namesAt = (profile: Profile | undefined) =>
  Object.fromEntries(points.map((point) => [point, profile?.at[point].map(({ name }) => name)]));

describe('schedulerConfiguration', () => {
  it('is the default profile when it says nothing', () => {
    const { profiles, backoff } = read({});
    expect(namesAt(profiles[0])).toEqual(namesAt(defaultProfile));
    expect(profiles[0]?.scores.map(({ weight }) => weight)).toEqual(defaultProfile.scores.map(({ weight }) => weight));
    expect(backoff).toEqual({ baseMs: 1000, maxMs: 10_000 });
  });

  it('has upstream’s default weights', () => {
    const weights = defaultProfile.at.score.map(({ name, weight = 1 }) => [name, weight]);
    expect(Object.fromEntries(weights)).toEqual({
      TaintToleration: 3,
      NodeAffinity: 2,
      NodeResourcesFit: 1,
      PodTopologySpread: 2,
      InterPodAffinity: 2,
      NodeResourcesBalancedAllocation: 1,
      ImageLocality: 1,
    });
  });

  it('disables, enables and weighs plugins at single points and at all', () => {
    const plugins = {
      multiPoint: { enabled: [{ name: 'ImageLocality', weight: 7 }], disabled: [{ name: 'InterPodAffinity' }] },
      score: {
        disabled: [{ name: '*' }],
        enabled: [{ name: 'NodeResourcesFit', weight: 5 }, { name: 'InterPodAffinity' }],
      },
      filter: { disabled: [{ name: 'NodePorts' }] },
    };
    const [profile] = read({ schedulerName: 'own', plugins }).profiles;
    const names = namesAt(profile);
    expect([profile?.name, names['score']]).toEqual(['own', ['NodeResourcesFit', 'InterPodAffinity']]);
    expect(profile?.scores.map(({ weight }) => weight)).toEqual([5, 2]);
    expect(names['filter']).toEqual(
      namesAt(defaultProfile)['filter']?.filter((name) => name !== 'NodePorts' && name !== 'InterPodAffinity'),
    );
  });

  it('gives plugins their arguments: the same pod goes elsewhere', () => {
    const fit = (type: string) => ({
      pluginConfig: [{ name: 'NodeResourcesFit', args: { scoringStrategy: { type } } }],
    });
    const snapshot = new Snapshot();
    const pod = (uid: string): Pod => ({
      metadata: { name: uid, uid, namespace: 'ns' },
      spec: { containers: [{ name: 'c', resources: { requests: { cpu: '1', memory: '1Gi' } } }] },
      status: {},
    });
    for (const name of ['idle', 'used']) {
      const status = { allocatable: { cpu: '4', memory: '4Gi', pods: '10' } };
      snapshot.updateNode({ metadata: { name }, spec: {}, status } as unknown as Node);
    }
    snapshot.addPod(pod('there'), 'used');
    const placed = ['LeastAllocated', 'MostAllocated'].map((type) => {
      const [profile] = read(fit(type)).profiles;
      return profile && schedule({ snapshot, profile }, pod('p'), { rng: seededRng(1) });
    });
    expect(placed).toMatchObject([{ node: 'idle' }, { node: 'used' }]);
  });

  it.each<[string, object[], string]>([
    ['unknown field', [{ scheduler: 'x' }], 'strict decoding error: unknown field "profiles[0].scheduler"'],
    ['same name twice', [{}, {}], 'profiles[1].schedulerName: Duplicate value: "default-scheduler"'],
    ['unknown plugin', [{ plugins: { filter: { enabled: [{ name: 'No' }] } } }], 'plugin "No" does not exist'],
    ['not at this point', [{ plugins: { score: { enabled: [{ name: 'NodePorts' }] } } }], 'it does not extend score'],
    ['no binder', [{ plugins: { bind: { disabled: [{ name: '*' }] } } }], 'at least one bind plugin is needed'],
    ['range', [{ percentageOfNodesToScore: 101 }], 'not in valid range [0-100]'],
  ])('refuses a file that is wrong: %s', (_what, profiles, message) => {
    expect(() => read(...profiles)).toThrow(message);
  });

  it('reads extenders, and leaves to them what is theirs to count', () => {
    const { extenders, profiles } = readFile({
      extenders: [
        {
          urlPrefix: 'https://gpu.example.com/scheduler',
          ...{ filterVerb: 'filter', bindVerb: 'bind', httpTimeout: '30s', nodeCacheCapable: true, enableHTTPS: true },
          managedResources: [{ name: 'example.com/gpu', ignoredByScheduler: true }, { name: 'example.com/mem' }],
        },
      ],
    });
    expect(extenders).toMatchObject([
      { timeoutMs: 30_000, managedResources: new Set(['example.com/gpu', 'example.com/mem']), ignorable: false },
    ]);
    const snapshot = new Snapshot();
    snapshot.updateNode({
      metadata: { name: 'n' },
      status: { allocatable: { cpu: '1', pods: '9' } },
    } as unknown as Node);
    const asking = (resource: string) => {
      const containers = [{ name: 'c', resources: { requests: { [resource]: '1' } } }];
      const pod = { metadata: { name: 'p', uid: resource }, spec: { containers } } as unknown as Pod;
      return 'node' in schedule({ snapshot, profile: profiles[0] as Profile }, pod, { rng: seededRng(1) });
    };
    expect([asking('example.com/gpu'), asking('example.com/mem')]).toEqual([true, false]);
  });

  it.each<[string, object[], string]>([
    ['no URL', [{ filterVerb: 'filter' }], 'extenders[0].urlPrefix: Required value'],
    ['no weight', [{ urlPrefix: 'http://a', prioritizeVerb: 'p' }], 'extenders[0].weight: Invalid value: 0'],
    [
      'two that bind',
      [
        { urlPrefix: 'http://a', bindVerb: 'b' },
        { urlPrefix: 'http://b', bindVerb: 'b' },
      ],
      'found 2 extenders implementing bind',
    ],
    ['unknown field', [{ urlPrefix: 'http://a', verb: 'p' }], 'unknown field "extenders[0].verb"'],
    [
      'a resource of the core',
      [{ urlPrefix: 'http://a', managedResources: [{ name: 'cpu' }] }],
      'extenders[0].managedResources[0].name: Invalid value: "cpu"',
    ],
    ['a time', [{ urlPrefix: 'http://a', httpTimeout: 'soon' }], 'extenders[0].httpTimeout: Invalid value: "soon"'],
  ])('refuses extenders that are wrong: %s', (_what, extenders, message) => {
    expect(() => readFile({ extenders })).toThrow(message);
  });

  it('refuses another kind of file', () => {
    expect(() => schedulerConfiguration({ apiVersion: 'v1', kind: 'Pod' })).toThrow(
      'no kind "Pod" is registered for version "v1"',
    );
  });
});
