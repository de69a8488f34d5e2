import { describe, expect, it } from 'vitest';
import type {
  Device,
  DeviceClass,
  Node,
  Pod,
  ResourceResourceClaim,
  ResourceSlice,
} from '../../api/generated/types.ts';
import { type Rng, seededRng } from '../../base/rng.ts';
import { devicesAvailable } from '../filters/devices.ts';
import { Snapshot } from '../snapshot.ts';
import { allocate } from './allocate.ts';

const driver = 'gpu.example';
const node = (name: string, zone = 'a'): Node => ({
  metadata: { name, labels: { zone } },
  spec: {},
  status: { allocatable: { cpu: '8', memory: '8Gi', pods: '10' } },
});
const device = (name: string, model: string, memory = '16Gi', more: Partial<Device> = {}): Device => ({
  name,
  attributes: {
    model: { string: model },
    index: { int: Number(/\d+/.exec(name)?.[0] ?? 0) },
    version: { version: '1.2.3' },
  },
  capacity: { memory: { value: memory } },
  ...more,
});
const slice = (name: string, spec: Partial<ResourceSlice['spec']>): ResourceSlice => ({
  metadata: { name },
  spec: { driver, pool: { name, generation: 1, resourceSliceCount: 1 }, devices: [], ...spec },
});
const deviceClass = (name: string, ...expressions: string[]): DeviceClass => ({
  metadata: { name },
  spec: { selectors: expressions.map((expression) => ({ cel: { expression } })) },
});
const claim = (name: string, requests: object[], more: object = {}): ResourceResourceClaim =>
  ({ metadata: { name, namespace: 'ns', uid: name }, spec: { devices: { requests, ...more } }, status: {} }) as never;
const exactly = (name: string, more: object = {}) => ({ name, exactly: { deviceClassName: 'gpu', ...more } });
const where = (expression: string) => ({ selectors: [{ cel: { expression } }] });

function world(): Snapshot {
  const snapshot = new Snapshot();
  for (const name of ['n1', 'n2']) snapshot.updateNode(node(name));
  snapshot.devices.classes.set(deviceClass('gpu', `device.driver == "${driver}"`));
  return snapshot;
}

/** The devices that each claim gets on a node. */
const got = (snapshot: Snapshot, at: string, ...claims: ResourceResourceClaim[]) =>
  allocate(snapshot.devices, claims, snapshot.node(snapshot.slotOf(at) as number)?.node as Node)?.map((result) =>
    result.devices?.results?.map(({ request, device: name }) => `${request}:${name}`),
  );

describe('allocate', () => {
  it('gives what selectors ask for, of devices that the node can use and nobody has', () => {
    const snapshot = world();
    snapshot.devices.slices.set(
      slice('n1', { nodeName: 'n1', devices: [device('d0', 'small', '8Gi'), device('d1', 'large')] }),
    );
    const big = claim('c', [
      exactly('r', where(`device.capacity["${driver}"].memory.compareTo(quantity("10Gi")) >= 0`)),
    ]);
    expect([got(snapshot, 'n1', big), got(snapshot, 'n2', big)]).toEqual([[['r:d1']], undefined]);
    expect(
      got(snapshot, 'n1', claim('c', [exactly('r', where(`device.attributes["${driver}"].model == "small"`))])),
    ).toEqual([['r:d0']]);
    const newer = where(`device.attributes["${driver}"].version.isGreaterThan(semver("1.0.0"))`);
    expect(got(snapshot, 'n1', claim('c', [exactly('r', { ...newer, count: 2 })]))).toEqual([['r:d0', 'r:d1']]);
    // A domain that the device says nothing of is empty.
    expect(got(snapshot, 'n1', claim('c', [exactly('r', where('"x" in device.attributes["other"]'))]))).toBeUndefined();
    const results = [{ request: 'r', driver, pool: 'n1', device: 'd1' }];
    snapshot.devices.claims.set({ ...claim('owner', []), status: { allocation: { devices: { results } } } } as never);
    expect(got(snapshot, 'n1', big)).toBeUndefined();
  });

  it('tries alternatives in order, counts several claims together, and goes back where it chose wrongly', () => {
    const snapshot = world();
    snapshot.devices.slices.set(slice('n1', { nodeName: 'n1', devices: [device('d0', 'a'), device('d1', 'b')] }));
    const model = (one: string) => where(`device.attributes["${driver}"].model == "${one}"`);
    const either = {
      name: 'r',
      firstAvailable: [
        { name: 'no', deviceClassName: 'gpu', ...model('c') },
        { name: 'yes', deviceClassName: 'gpu', ...model('b') },
      ],
    };
    expect(got(snapshot, 'n1', claim('c', [either]))).toEqual([['r/yes:d1']]);
    // The first would take d0, which only the second can use.
    expect(got(snapshot, 'n1', claim('any', [exactly('x')]), claim('picky', [exactly('y', model('a'))]))).toEqual([
      ['x:d1'],
      ['y:d0'],
    ]);
    expect(got(snapshot, 'n1', claim('c', [exactly('r', { allocationMode: 'All' })]))).toEqual([['r:d0', 'r:d1']]);
    const alike = { constraints: [{ matchAttribute: `${driver}/model` }] };
    expect(got(snapshot, 'n1', claim('c', [exactly('r', { count: 2 })], alike))).toBeUndefined();
  });

  it('keeps to taints, to the newest generation of a pool, and to nodes that a slice selects', () => {
    const snapshot = world();
    const taints = [{ key: 'broken', effect: 'NoSchedule' as const }];
    snapshot.devices.slices.set(slice('n1', { nodeName: 'n1', devices: [device('d0', 'a', '1Gi', { taints })] }));
    expect(got(snapshot, 'n1', claim('c', [exactly('r')]))).toBeUndefined();
    const tolerations = [{ key: 'broken', operator: 'Exists' }];
    expect(got(snapshot, 'n1', claim('c', [exactly('r', { tolerations })]))).toEqual([['r:d0']]);
    const pool = { name: 'n1', generation: 2, resourceSliceCount: 1 };
    const nodeSelector = {
      nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'In' as const, values: ['a'] }] }],
    };
    snapshot.devices.slices.set(slice('newer', { pool, nodeSelector, devices: [device('d7', 'a')] }));
    expect([got(snapshot, 'n1', claim('c', [exactly('r')])), got(snapshot, 'n2', claim('c', [exactly('r')]))]).toEqual([
      [['r:d7']],
      [['r:d7']],
    ]);
  });

  it('finds an allocation whenever trying everything does', () => {
    const pick = <T>(rng: Rng, items: readonly T[]): T => items[Math.floor(rng.next() * items.length)] as T;
    let possible = 0;
    for (let seed = 1; seed <= 150; seed++) {
      const rng = seededRng(seed);
      const snapshot = world();
      const devices = Array.from({ length: 4 }, (_, i) => device(`d${i}`, pick(rng, ['a', 'b'])));
      snapshot.devices.slices.set(slice('n1', { nodeName: 'n1', devices }));
      const wanted = Array.from({ length: 3 }, () => pick(rng, ['a', 'b', undefined]));
      const requests = wanted.map((model, i) =>
        exactly(`r${i}`, model ? where(`device.attributes["${driver}"].model == "${model}"`) : {}),
      );
      const assign = (at: number, used: readonly string[]): boolean =>
        at === wanted.length ||
        devices.some(
          ({ name, attributes }) =>
            !used.includes(name) &&
            (!wanted[at] || attributes?.['model']?.string === wanted[at]) &&
            assign(at + 1, [...used, name]),
        );
      const result = got(snapshot, 'n1', claim('c', requests))?.flat();
      expect(result !== undefined, `seed ${seed}`).toBe(assign(0, []));
      if (!result) continue;
      possible++;
      expect(new Set(result.map((text) => text?.split(':')[1])).size).toBe(3);
    }
    expect(possible).toBeGreaterThan(20);
  });
});

describe('devicesAvailable', () => {
  const pod = (resourceClaims: object[], status: object = {}): Pod =>
    ({ metadata: { name: 'p', namespace: 'ns', uid: 'p' }, spec: { containers: [], resourceClaims }, status }) as never;
  const ask = (snapshot: Snapshot, asked: Pod) => {
    const test = devicesAvailable.prepare({ snapshot, pod: asked, requirement: snapshot.requirementOf(asked.spec) });
    if (test?.rejects) return test.rejects;
    return ['n1', 'n2'].map((name) => {
      const slot = snapshot.slotOf(name) as number;
      return !test || test.passes(slot) ? 'fits' : test.reasons(slot)[0];
    });
  };

  it('says what is missing, and follows devices that are allocated already', () => {
    const snapshot = world();
    const named = pod([{ name: 'gpu', resourceClaimName: 'c' }]);
    expect(ask(snapshot, pod([{ name: 'gpu', resourceClaimTemplateName: 't' }]))).toBe(
      'pod "ns/p": ResourceClaim not created yet',
    );
    expect(ask(snapshot, named)).toBe('resourceclaim "c" not found');
    snapshot.devices.claims.set(claim('c', [exactly('r')]));
    expect(ask(snapshot, named)).toEqual(['cannot allocate all claims', 'cannot allocate all claims']);
    snapshot.devices.slices.set(slice('n1', { nodeName: 'n1', devices: [device('d0', 'a')] }));
    expect(ask(snapshot, named)).toEqual(['fits', 'cannot allocate all claims']);
    const nodeSelector = {
      nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n2'] }] }],
    };
    snapshot.devices.claims.set({ ...claim('c', [exactly('r')]), status: { allocation: { nodeSelector } } } as never);
    expect(ask(snapshot, named)).toEqual(['resourceclaim not available on the node', 'fits']);
    snapshot.devices.claims.set(claim('c', [exactly('r', where('device.nonsense('))]));
    expect(ask(snapshot, named)).toEqual([expect.stringMatching(/Syntax error|ERROR/), 'cannot allocate all claims']);
  });
});
