import { describe, expect, it, vi } from 'vitest';
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
import { AllocationTimeout, allocate } from './allocate.ts';

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

  it('gives up a search that has no end, with nothing taken', () => {
    const snapshot = world();
    const devices = Array.from({ length: 30 }, (_, i) => device(`d${i}`, 'a'));
    snapshot.devices.slices.set(slice('n1', { nodeName: 'n1', devices }));
    // Whichever fifteen the first takes, there is none for the second.
    const hopeless = claim('c', [
      exactly('many', { count: 15 }),
      exactly('none', where(`device.attributes["${driver}"].model == "b"`)),
    ]);
    const asked = vi.spyOn(snapshot.devices, 'selector');
    expect(() => got(snapshot, 'n1', hopeless)).toThrow(new AllocationTimeout());
    // Each device is looked at once for each of the two: class and selector.
    expect(asked.mock.calls.length).toBeLessThanOrEqual(30 * 3);
    expect(got(snapshot, 'n1', claim('c', [exactly('r', { count: 30 })]))?.[0]).toHaveLength(30);
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

describe('allocate, of devices that are divided', () => {
  const drawing = (name: string, memory: string, more: Partial<Device> = {}): Device =>
    device(name, 'a', memory, {
      consumesCounters: [{ counterSet: 'gpu-0', counters: { memory: { value: memory } } }],
      ...more,
    });
  const counters = (memory: string): Partial<ResourceSlice['spec']> => ({
    nodeName: 'n1',
    pool: { name: 'n1', generation: 1, resourceSliceCount: 2 },
    sharedCounters: [{ name: 'gpu-0', counters: { memory: { value: memory } } }],
  });
  const pool = { name: 'n1', generation: 1, resourceSliceCount: 2 };
  const has = (snapshot: Snapshot, name: string, results: object[]) =>
    snapshot.devices.claims.set({ ...claim(name, []), status: { allocation: { devices: { results } } } } as never);

  it('gives a GPU or its partitions, never more than there is (KEP-4815)', () => {
    const snapshot = world();
    const devices = [drawing('whole', '40Gi'), drawing('half-0', '20Gi'), drawing('half-1', '20Gi')];
    snapshot.devices.slices.set(slice('devices', { nodeName: 'n1', pool, devices }));
    const any = (count: number) => claim('c', [exactly('r', { count })]);
    // Without its counters nothing is known of what is left.
    expect(got(snapshot, 'n1', any(1))).toBeUndefined();
    snapshot.devices.slices.set(slice('counters', counters('40Gi')));
    expect([got(snapshot, 'n1', any(1)), got(snapshot, 'n1', any(2)), got(snapshot, 'n1', any(3))]).toEqual([
      [['r:whole']],
      [['r:half-0', 'r:half-1']],
      undefined,
    ]);
    has(snapshot, 'owner', [{ request: 'r', driver, pool: 'n1', device: 'half-0' }]);
    expect(got(snapshot, 'n1', any(1))).toEqual([['r:half-1']]);
    has(snapshot, 'owner', []);
    expect(got(snapshot, 'n1', any(1))).toEqual([['r:whole']]);
    snapshot.devices.claims.remove(claim('owner', []));
    // A selector that cannot be read leaves nothing taken behind.
    const wrong = claim('wrong', [exactly('r'), exactly('x', where('device.nonsense('))]);
    expect(() => got(snapshot, 'n1', wrong)).toThrow();
    expect(got(snapshot, 'n1', any(1))).toEqual([['r:whole']]);
  });

  it('finds partitions whenever trying everything does', () => {
    let possible = 0;
    for (let seed = 1; seed <= 100; seed++) {
      const rng = seededRng(seed);
      const draw = (count: number) => Math.floor(rng.next() * count);
      const sizes = Array.from({ length: 5 }, () => 1 + draw(4));
      const total = 4 + draw(6);
      const snapshot = world();
      snapshot.devices.slices.set(slice('counters', counters(`${total}Gi`)));
      const devices = sizes.map((size, i) => drawing(`d${i}`, `${size}Gi`));
      snapshot.devices.slices.set(slice('devices', { nodeName: 'n1', pool, devices }));
      const taken = draw(5);
      has(snapshot, 'owner', [{ request: 'r', driver, pool: 'n1', device: `d${taken}` }]);
      const count = 1 + draw(3);
      const left = total - (sizes[taken] as number);
      const others = sizes.filter((_size, i) => i !== taken).sort((a, b) => a - b);
      const least = others.slice(0, count).reduce((sum, size) => sum + size, 0);
      const result = got(snapshot, 'n1', claim('c', [exactly('r', { count })]));
      expect(result !== undefined, `seed ${seed}`).toBe(least <= left);
      if (result) possible++;
    }
    expect(possible).toBeGreaterThan(20);
  });

  it('shares a device among claims, each with its part of the capacity (KEP-5075)', () => {
    const snapshot = world();
    const requestPolicy = { default: '2Gi', validRange: { min: '1Gi', max: '8Gi', step: '1Gi' } };
    const shared = device('d0', 'a', '10Gi', {
      allowMultipleAllocations: true,
      capacity: { memory: { value: '10Gi', requestPolicy } },
    });
    snapshot.devices.slices.set(slice('n1', { nodeName: 'n1', devices: [shared] }));
    const asking = (memory?: string) =>
      claim(`c-${memory}`, [exactly('r', memory ? { capacity: { requests: { memory } } } : {})]);
    const n1 = snapshot.node(snapshot.slotOf('n1') as number)?.node as Node;
    const resultsOf = (...claims: ResourceResourceClaim[]) =>
      allocate(snapshot.devices, claims, n1)?.flatMap((one) => one.devices?.results ?? []);
    const parts = resultsOf(asking(), asking('2500Mi'), asking('1Mi'));
    expect(parts?.map(({ consumedCapacity }) => consumedCapacity?.['memory'])).toEqual(['2Gi', '3Gi', '1Gi']);
    expect(new Set(parts?.map(({ shareID }) => shareID)).size).toBe(3);
    expect([resultsOf(asking('9Gi')), resultsOf(asking('8Gi'), asking('3Gi'))]).toEqual([undefined, undefined]);
    const lacking = claim('c', [exactly('r', { capacity: { requests: { cores: '1' } } })]);
    expect(resultsOf(lacking)).toBeUndefined();
    has(snapshot, 'owner', resultsOf(asking('8Gi')) ?? []);
    expect([got(snapshot, 'n1', asking('2Gi')), got(snapshot, 'n1', asking('3Gi'))]).toEqual([[['r:d0']], undefined]);
    // Somebody has it for himself.
    has(snapshot, 'owner', [{ request: 'r', driver, pool: 'n1', device: 'd0' }]);
    expect(got(snapshot, 'n1', asking('1Gi'))).toBeUndefined();
  });

  it('asks for capacity of devices that are not shared, too, and for devices that differ', () => {
    const snapshot = world();
    const devices = [device('d0', 'a', '8Gi'), device('d1', 'b', '16Gi'), device('d2', 'b', '32Gi')];
    snapshot.devices.slices.set(slice('n1', { nodeName: 'n1', devices }));
    const large = claim('c', [exactly('r', { capacity: { requests: { memory: '12Gi' } } })]);
    expect(got(snapshot, 'n1', large)).toEqual([['r:d1']]);
    const differing = { constraints: [{ distinctAttribute: `${driver}/model` }] };
    expect(got(snapshot, 'n1', claim('c', [exactly('r', { count: 2 })], differing))).toEqual([['r:d0', 'r:d1']]);
    expect(got(snapshot, 'n1', claim('c', [exactly('r', { count: 3 })], differing))).toBeUndefined();
  });
});

describe('what an allocation says', () => {
  it('is where the devices can be used, what was tolerated, and what is waited for', () => {
    const snapshot = world();
    const zone = { key: 'zone', operator: 'In' as const, values: ['a'] };
    const nodeSelector = { nodeSelectorTerms: [{ matchExpressions: [zone] }] };
    const waiting = { bindingConditions: ['attached'], bindingFailureConditions: ['broken'] };
    snapshot.devices.slices.set(slice('near', { nodeSelector, devices: [device('d0', 'near')] }));
    snapshot.devices.slices.set(slice('far', { allNodes: true, devices: [device('d1', 'far', '1Gi', waiting)] }));
    snapshot.devices.slices.set(
      slice('moved', { allNodes: true, devices: [device('d2', 'moved', '1Gi', { bindsToNode: true })] }),
    );
    const n1 = snapshot.node(snapshot.slotOf('n1') as number)?.node as Node;
    const tolerations = [{ key: 'x', operator: 'Exists' }];
    const of = (model: string) =>
      allocate(
        snapshot.devices,
        [claim('c', [exactly('r', { tolerations, ...where(`device.attributes["${driver}"].model == "${model}"`) })])],
        n1,
      )?.[0];
    expect(of('near')?.nodeSelector).toEqual(nodeSelector);
    expect(of('far')).toEqual({
      devices: { results: [{ request: 'r', driver, pool: 'far', device: 'd1', tolerations, ...waiting }] },
    });
    const byName = { key: 'metadata.name', operator: 'In', values: ['n1'] };
    expect(of('moved')?.nodeSelector).toEqual({ nodeSelectorTerms: [{ matchFields: [byName] }] });
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
    const many = Array.from({ length: 30 }, (_, i) => device(`d${i}`, 'a'));
    snapshot.devices.slices.set(slice('n1', { nodeName: 'n1', devices: many }));
    const none = exactly('none', where(`device.attributes["${driver}"].model == "b"`));
    snapshot.devices.claims.set(claim('c', [exactly('many', { count: 15 }), none]));
    expect(ask(snapshot, named)).toEqual(['timed out trying to allocate devices', 'cannot allocate all claims']);
  });
});
