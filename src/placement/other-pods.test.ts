import { describe, expect, it } from 'vitest';
import type { Node, Pod, PodAffinityTerm, TopologySpreadConstraint } from '../api/generated/types.ts';
import { matchesLabelSelector } from '../api/meta/label-selector.ts';
import { type Rng, seededRng } from '../base/rng.ts';
import { interPodAffinity } from './filters/inter-pod-affinity.ts';
import type { NodeFilter } from './filters/node-filter.ts';
import { topologySpread } from './filters/topology-spread.ts';
import { interPodPreference } from './scores/inter-pod-affinity.ts';
import type { NodeScore } from './scores/node-score.ts';
import { preferredSpread } from './scores/topology-spread.ts';
import { Snapshot } from './snapshot.ts';

const required = 'requiredDuringSchedulingIgnoredDuringExecution';
const preferred = 'preferredDuringSchedulingIgnoredDuringExecution';
const hostname = 'kubernetes.io/hostname';

const node = (name: string, zone?: string): Node => ({
  metadata: { name, labels: { [hostname]: name, ...(zone ? { zone } : {}) } },
  spec: {},
  status: { allocatable: { cpu: '64', memory: '64Gi', pods: '110' } },
});

const pod = (uid: string, labels: Record<string, string>, spec: Partial<Pod['spec']> = {}, namespace = 'a'): Pod => ({
  metadata: { name: uid, namespace, uid, labels },
  spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
  status: {},
});

function world(nodes: Node[], placed: [Pod, string][] = []): Snapshot {
  const snapshot = new Snapshot();
  snapshot.setNamespace('a', { team: 'x' });
  snapshot.setNamespace('b', { team: 'y' });
  for (const one of nodes) snapshot.updateNode(one);
  for (const [one, at] of placed) snapshot.addPod(one, at);
  return snapshot;
}

function ask(filter: NodeFilter, snapshot: Snapshot, asked: Pod): Record<string, string> {
  const test = filter.prepare({ snapshot, pod: asked, requirement: snapshot.requirementOf(asked.spec) });
  const slots = Array.from(snapshot.slots.subarray(0, snapshot.size));
  const answer = (slot: number) => (!test || test.passes(slot) ? 'fits' : (test.reasons(slot)[0] as string));
  return Object.fromEntries(slots.map((slot) => [snapshot.node(slot)?.name as string, answer(slot)]));
}

function rate(score: NodeScore, snapshot: Snapshot, asked: Pod): Record<string, number> | undefined {
  const slots = Array.from(snapshot.slots.subarray(0, snapshot.size));
  const rateSlot = score.prepare({ snapshot, pod: asked, requirement: snapshot.requirementOf(asked.spec) }, slots);
  if (!rateSlot) return undefined;
  const raw = Float64Array.from(slots, rateSlot);
  if (typeof score.normalize === 'function') score.normalize(raw);
  return Object.fromEntries(slots.map((slot, i) => [snapshot.node(slot)?.name as string, raw[i] as number]));
}

const term = (app: string, topologyKey = 'zone', more: Partial<PodAffinityTerm> = {}): PodAffinityTerm => ({
  labelSelector: { matchLabels: { app } },
  topologyKey,
  ...more,
});
const near = (...terms: PodAffinityTerm[]) => ({ affinity: { podAffinity: { [required]: terms } } });
const away = (...terms: PodAffinityTerm[]) => ({ affinity: { podAntiAffinity: { [required]: terms } } });
const nodes = [node('n1', 'z1'), node('n2', 'z1'), node('n3', 'z2'), node('n4')];
const notNear = "node(s) didn't match pod affinity rules";
const notAway = "node(s) didn't match pod anti-affinity rules";
const unwanted = "node(s) didn't satisfy existing pods anti-affinity rules";

describe('inter-pod affinity', () => {
  it('wants to be where the others are, and lets the first of a group go anywhere there is a domain', () => {
    const snapshot = world(nodes, [[pod('db', { app: 'db' }), 'n1']]);
    expect(ask(interPodAffinity, snapshot, pod('p', {}, near(term('db'))))).toEqual({
      n1: 'fits',
      n2: 'fits',
      n3: notNear,
      n4: notNear,
    });
    expect(ask(interPodAffinity, snapshot, pod('p', { app: 'web' }, near(term('web'))))).toMatchObject({
      n3: 'fits',
      n4: notNear,
    });
    expect(ask(interPodAffinity, snapshot, pod('p', { app: 'other' }, near(term('web'))))).toMatchObject({
      n3: notNear,
    });
  });

  it('keeps away, in both directions', () => {
    const snapshot = world(nodes, [[pod('db', { app: 'db' }, away(term('web'))), 'n3']]);
    expect(ask(interPodAffinity, snapshot, pod('p', {}, away(term('db', hostname))))).toEqual({
      n1: 'fits',
      n2: 'fits',
      n3: notAway,
      n4: 'fits',
    });
    expect(ask(interPodAffinity, snapshot, pod('p', { app: 'web' }))).toMatchObject({ n1: 'fits', n3: unwanted });
    snapshot.removePod('db');
    expect(ask(interPodAffinity, snapshot, pod('p', { app: 'web' }))).toMatchObject({ n3: 'fits' });
  });

  it('is about the own namespace, named ones, or those that a selector selects, as their labels change', () => {
    const snapshot = world(nodes, [[pod('db', { app: 'db' }, {}, 'b'), 'n1']]);
    const at = (more: Partial<PodAffinityTerm>) =>
      ask(interPodAffinity, snapshot, pod('p', {}, near(term('db', 'zone', more)))).n1;
    expect(at({})).toBe(notNear);
    expect(at({ namespaces: ['b'] })).toBe('fits');
    expect(at({ namespaceSelector: {} })).toBe('fits');
    expect(at({ namespaceSelector: { matchLabels: { team: 'x' } } })).toBe(notNear);
    snapshot.setNamespace('b', { team: 'x' });
    expect(at({ namespaceSelector: { matchLabels: { team: 'x' } } })).toBe('fits');
  });

  it('follows the labels of pods that are there', () => {
    const snapshot = world(nodes, [[pod('db', { app: 'db' }), 'n1']]);
    const asked = pod('p', {}, away(term('db', hostname)));
    expect(ask(interPodAffinity, snapshot, asked).n1).toBe(notAway);
    snapshot.addPod(pod('db', { app: 'old' }), 'n1');
    expect(ask(interPodAffinity, snapshot, asked).n1).toBe('fits');
  });

  it('prefers and avoids by weight, also what others prefer', () => {
    const likes = { [preferred]: [{ weight: 10, podAffinityTerm: term('web') }] };
    const snapshot = world(nodes, [
      [pod('db', { app: 'db' }), 'n1'],
      [pod('fan', { app: 'fan' }, { affinity: { podAffinity: likes } }), 'n3'],
    ]);
    const dislikes = { podAntiAffinity: { [preferred]: [{ weight: 5, podAffinityTerm: term('db') }] } };
    expect(rate(interPodPreference, snapshot, pod('p', { app: 'web' }, { affinity: dislikes }))).toEqual({
      n1: 0,
      n2: 0,
      n3: 100,
      n4: 33,
    });
    expect(rate(interPodPreference, snapshot, pod('p', { app: 'none' }))).toBeUndefined();
  });
});

const spreadOver = (topologyKey: string, more: Partial<TopologySpreadConstraint> = {}): Partial<Pod['spec']> => ({
  topologySpreadConstraints: [
    {
      maxSkew: 1,
      topologyKey,
      whenUnsatisfiable: 'DoNotSchedule',
      labelSelector: { matchLabels: { app: 'web' } },
      ...more,
    },
  ],
});
const skewed = "node(s) didn't match pod topology spread constraints";

describe('topology spread', () => {
  const web = (uid: string) => pod(uid, { app: 'web' });

  it('allows no domain to be too far ahead of the emptiest', () => {
    const snapshot = world(nodes, [[web('1'), 'n1']]);
    const asked = pod('p', { app: 'web' }, spreadOver('zone'));
    expect(ask(topologySpread, snapshot, asked)).toEqual({
      n1: skewed,
      n2: skewed,
      n3: 'fits',
      n4: `${skewed} (missing required label)`,
    });
    snapshot.addPod(web('2'), 'n3');
    expect(ask(topologySpread, snapshot, asked)).toMatchObject({ n1: 'fits', n3: 'fits' });
  });

  it('does not count pods that go, other namespaces, or nodes that the pod rules out', () => {
    const snapshot = world(nodes, [
      [web('1'), 'n1'],
      [pod('2', { app: 'web' }, {}, 'b'), 'n3'],
    ]);
    const asked = pod('p', { app: 'web' }, spreadOver('zone'));
    expect(ask(topologySpread, snapshot, asked)).toMatchObject({ n1: skewed });
    const going = web('1');
    snapshot.addPod({ ...going, metadata: { ...going.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } }, 'n1');
    expect(ask(topologySpread, snapshot, asked)).toMatchObject({ n1: 'fits' });
    snapshot.addPod(web('3'), 'n1');
    const onlyZ1 = { ...spreadOver('zone'), nodeSelector: { zone: 'z1' } };
    expect(ask(topologySpread, snapshot, pod('p', { app: 'web' }, onlyZ1))).toMatchObject({ n1: 'fits' });
    const ignoring = { ...spreadOver('zone', { nodeAffinityPolicy: 'Ignore' }), nodeSelector: { zone: 'z1' } };
    expect(ask(topologySpread, snapshot, pod('p', { app: 'web' }, ignoring))).toMatchObject({ n1: skewed });
  });

  it('takes missing domains for empty ones, and pods only of its own revision', () => {
    const snapshot = world(nodes, [
      [web('1'), 'n1'],
      [web('2'), 'n3'],
    ]);
    const wanting = (minDomains: number) => pod('p', { app: 'web' }, spreadOver('zone', { minDomains }));
    expect(ask(topologySpread, snapshot, wanting(2))).toMatchObject({ n1: 'fits' });
    expect(ask(topologySpread, snapshot, wanting(3))).toMatchObject({ n1: skewed });
    snapshot.addPod(pod('new', { app: 'web', rev: '2' }), 'n3');
    const revised = pod('p', { app: 'web', rev: '2' }, spreadOver('zone', { matchLabelKeys: ['rev'] }));
    expect(ask(topologySpread, snapshot, revised)).toMatchObject({ n1: 'fits', n3: skewed });
  });

  it('spreads pods that say nothing among those of their Service and controller, also where there are no zones', () => {
    const snapshot = world(
      [node('n1'), node('n2'), node('n3')],
      [
        [web('1'), 'n1'],
        [web('2'), 'n1'],
        [web('3'), 'n2'],
      ],
    );
    const asked = pod('p', { app: 'web' });
    expect(rate(preferredSpread, snapshot, asked)).toBeUndefined();
    const service = { metadata: { name: 's', namespace: 'a' }, spec: { selector: { app: 'web' } }, status: {} };
    snapshot.selectors.setService(service);
    expect(rate(preferredSpread, snapshot, asked)).toEqual({ n1: 40, n2: 60, n3: 100 });
    snapshot.selectors.removeService(service);
    const controller = { kind: 'ReplicaSet', apiVersion: 'apps/v1', name: 'r', uid: 'r', controller: true };
    const owned = { ...asked, metadata: { ...asked.metadata, ownerReferences: [controller] } };
    const selector = { matchLabels: { app: 'web' } };
    snapshot.selectors.setOwner({ kind: 'ReplicaSet' }, { metadata: { uid: 'r' }, spec: { selector } });
    expect(rate(preferredSpread, snapshot, owned)).toEqual({ n1: 40, n2: 60, n3: 100 });
    expect(rate(preferredSpread, snapshot, asked)).toBeUndefined();
  });

  it('prefers the emptier domains where it is only a wish', () => {
    const snapshot = world(nodes, [
      [web('1'), 'n1'],
      [web('2'), 'n1'],
      [web('3'), 'n3'],
    ]);
    const asked = pod('p', { app: 'web' }, spreadOver('zone', { whenUnsatisfiable: 'ScheduleAnyway' }));
    expect(rate(preferredSpread, snapshot, asked)).toEqual({ n1: 33, n2: 33, n3: 100, n4: 0 });
  });
});

describe('against a deliberately simple reference', () => {
  const pick = <T>(rng: Rng, items: readonly T[]): T => items[Math.floor(rng.next() * items.length)] as T;
  const apps = ['web', 'db', 'job'];
  const randomTerm = (rng: Rng): PodAffinityTerm =>
    term(pick(rng, apps), pick(rng, ['zone', hostname]), rng.next() < 0.3 ? { namespaces: ['a', 'b'] } : {});
  const randomSpec = (rng: Rng): Partial<Pod['spec']> => {
    const dice = rng.next();
    if (dice < 0.25) return near(randomTerm(rng));
    if (dice < 0.5) return away(randomTerm(rng), ...(rng.next() < 0.3 ? [randomTerm(rng)] : []));
    return dice < 0.75 ? spreadOver(pick(rng, ['zone', hostname])) : {};
  };
  const randomPod = (rng: Rng, uid: string) =>
    pod(uid, { app: pick(rng, apps) }, randomSpec(rng), pick(rng, ['a', 'b']));

  interface World {
    nodes: Node[];
    placed: Map<string, { pod: Pod; at: string }>;
  }
  const zoneOf = (one: Node | undefined, key: string) => one?.metadata.labels?.[key];

  function matches(wanted: PodAffinityTerm, owner: Pod, other: Pod): boolean {
    const namespaces = wanted.namespaces?.length ? wanted.namespaces : [owner.metadata.namespace];
    return (
      namespaces.includes(other.metadata.namespace) &&
      matchesLabelSelector(wanted.labelSelector, other.metadata.labels ?? {})
    );
  }

  /** As the documentation says it, looking at every pod for every node. */
  function fits({ nodes: all, placed }: World, asked: Pod, at: Node): boolean {
    const others = [...placed.values()].map((one) => ({
      ...one,
      node: all.find(({ metadata }) => metadata.name === one.at) as Node,
    }));
    const isSame = (a: Node, b: Node, key: string) => zoneOf(a, key) !== undefined && zoneOf(a, key) === zoneOf(b, key);
    const terms = asked.spec.affinity?.podAffinity?.[required] ?? [];
    const matchesAll = (other: Pod) => terms.every((t) => matches(t, asked, other));
    const isFirst = !others.some((o) => matchesAll(o.pod) && terms.some((t) => zoneOf(o.node, t.topologyKey)));
    for (const t of terms) {
      if (zoneOf(at, t.topologyKey) === undefined) return false;
      const found = others.some((o) => matchesAll(o.pod) && isSame(o.node, at, t.topologyKey));
      if (!found && !(isFirst && matchesAll(asked))) return false;
    }
    for (const t of asked.spec.affinity?.podAntiAffinity?.[required] ?? [])
      if (others.some((o) => matches(t, asked, o.pod) && isSame(o.node, at, t.topologyKey))) return false;
    for (const o of others)
      for (const t of o.pod.spec.affinity?.podAntiAffinity?.[required] ?? [])
        if (matches(t, o.pod, asked) && isSame(o.node, at, t.topologyKey)) return false;
    for (const c of asked.spec.topologySpreadConstraints ?? []) {
      const domain = zoneOf(at, c.topologyKey);
      if (domain === undefined) return false;
      const counted = (wanted: string) =>
        others.filter(
          (o) =>
            zoneOf(o.node, c.topologyKey) === wanted &&
            o.pod.metadata.namespace === asked.metadata.namespace &&
            matchesLabelSelector(c.labelSelector, o.pod.metadata.labels ?? {}),
        ).length;
      const domains = [...new Set(all.flatMap((n) => zoneOf(n, c.topologyKey) ?? []))];
      const self = matchesLabelSelector(c.labelSelector, asked.metadata.labels ?? {}) ? 1 : 0;
      if (counted(domain) + self - Math.min(...domains.map(counted)) > c.maxSkew) return false;
    }
    return true;
  }

  it('gives the same answer for any cluster, as it changes', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const rng = seededRng(seed);
      const all = Array.from({ length: 7 }, (_, i) => node(`n${i}`, pick(rng, ['z1', 'z2', 'z3', undefined])));
      const reference: World = { nodes: all, placed: new Map() };
      const snapshot = world(all);
      for (let step = 0; step < 40; step++) {
        const asked = randomPod(rng, `p${step}`);
        const request = { snapshot, pod: asked, requirement: snapshot.requirementOf(asked.spec) };
        const tests = [interPodAffinity, topologySpread].flatMap((filter) => filter.prepare(request) ?? []);
        const answers = all.map((one) => {
          const slot = snapshot.slotOf(one.metadata.name) as number;
          return tests.every((test) => test.passes(slot));
        });
        expect(answers, `seed ${seed}, step ${step}: ${JSON.stringify(asked)}`).toEqual(
          all.map((one) => fits(reference, asked, one)),
        );
        const at = pick(rng, all).metadata.name;
        if (rng.next() < 0.7) {
          snapshot.addPod(asked, at);
          reference.placed.set(`p${step}`, { pod: asked, at });
        } else if (reference.placed.size > 0) {
          const gone = pick(rng, [...reference.placed.keys()]);
          snapshot.removePod(gone);
          reference.placed.delete(gone);
        }
      }
    }
  });
});
