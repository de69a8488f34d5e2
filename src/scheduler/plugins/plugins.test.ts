import { describe, expect, it } from 'vitest';
import type { Node, Pod, Taint, Toleration } from '../../api/generated/types.ts';
import { type Rng, seededRng } from '../../base/rng.ts';
import { Snapshot } from '../../placement/snapshot.ts';
import { Evaluation } from '../evaluation.ts';
import { defaultPlugins } from '../plugins.ts';

/**
 * Each plugin that looks at one node at a time, against what the documentation says, written down as plainly as it can be:
 * every pod of the node is looked at, nothing is remembered.
 */
const pick = <T>(rng: Rng, items: readonly T[]): T => items[Math.floor(rng.next() * items.length)] as T;
const some = <T>(rng: Rng, items: readonly T[], share = 0.4): T[] => items.filter(() => rng.next() < share);

const keys = ['a', 'b'];
const effects = ['NoSchedule', 'NoExecute', 'PreferNoSchedule'] as const;
const taints: Taint[] = keys.flatMap((key) => effects.map((effect) => ({ key, value: '1', effect })));
const tolerations: Toleration[] = [
  { key: 'a', operator: 'Exists' },
  { key: 'b', operator: 'Equal', value: '1', effect: 'NoSchedule' },
  { key: 'b', value: '2' },
  { key: 'a', value: '1', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' },
];
const images = ['app:1', 'db:2', 'big:3'];

const randomNode = (rng: Rng, name: string): Node => ({
  metadata: {
    name,
    labels: Object.fromEntries(some(rng, ['zone', 'disk', 'size']).map((key) => [key, pick(rng, ['1', '2', '10'])])),
  },
  spec: { unschedulable: rng.next() < 0.2, taints: some(rng, taints, 0.15) },
  status: {
    allocatable: {
      cpu: pick(rng, ['1', '2']),
      memory: pick(rng, ['1Gi', '2Gi']),
      pods: pick(rng, ['2', '5']),
      'x.io/gpu': pick(rng, ['0', '2']),
    },
    images: some(rng, images).map((name_) => ({ names: [name_], sizeBytes: pick(rng, [10, 200, 900]) * 2 ** 20 })),
  },
});

function randomPod(rng: Rng, uid: string): Pod {
  const requests = {
    cpu: pick(rng, ['0', '250m', '1']),
    memory: pick(rng, ['0', '256Mi']),
    ...(rng.next() < 0.3 ? { 'x.io/gpu': '1' } : {}),
  };
  const ports = some(rng, [80, 81], 0.2).map((hostPort) => ({
    containerPort: 1,
    hostPort,
    hostIP: pick(rng, ['', '10.0.0.1', '10.0.0.2']),
    protocol: pick(rng, ['TCP', 'UDP'] as const),
  }));
  const expression = () => ({
    key: pick(rng, ['zone', 'disk', 'size', 'none']),
    operator: pick(rng, ['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt']),
    values: [pick(rng, ['1', '2', '10'])],
  });
  const terms = () => Array.from({ length: 2 }, () => ({ matchExpressions: some(rng, [1, 2], 0.7).map(expression) }));
  const nodeAffinity = {
    ...(rng.next() < 0.5 ? { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms() } } : {}),
    preferredDuringSchedulingIgnoredDuringExecution: some(rng, terms()).map((preference) => ({
      weight: pick(rng, [1, 50]),
      preference,
    })),
  };
  return {
    metadata: { name: uid, namespace: 'ns', uid },
    spec: {
      containers: [{ name: 'c', image: pick(rng, images), resources: { requests }, ports }],
      tolerations: some(rng, tolerations),
      affinity: { nodeAffinity },
      ...(rng.next() < 0.3 ? { nodeSelector: { zone: pick(rng, ['1', '2']) } } : {}),
    },
    status: {},
  } as unknown as Pod;
}

interface Place {
  node: Node;
  pods: Pod[];
}

const milli = (text = '0') => (text.endsWith('m') ? Number(text.slice(0, -1)) : Number(text) * 1000);
const bytes = (text = '0') =>
  Number(text.replace(/[GM]i$/, '')) * (text.endsWith('Gi') ? 2 ** 30 : text.endsWith('Mi') ? 2 ** 20 : 1);
const amount = (name: string, text?: string) =>
  name === 'cpu' ? milli(text) : name === 'memory' ? bytes(text) : Number(text ?? 0);
const requestOf = ({ spec }: Pod, name: string) => amount(name, spec.containers[0]?.resources?.requests?.[name]);
const offerOf = ({ status }: Node, name: string) => amount(name, status?.allocatable?.[name]);
const portsOf = ({ spec }: Pod) => spec.containers[0]?.ports ?? [];

const covers = (toleration: Toleration, taint: Taint) =>
  (!toleration.effect || toleration.effect === taint.effect) &&
  (!toleration.key || toleration.key === taint.key) &&
  (toleration.operator === 'Exists' || (toleration.value ?? '') === (taint.value ?? ''));
const isTolerated = ({ spec }: Pod, taint: Taint) => (spec.tolerations ?? []).some((one) => covers(one, taint));

function holds(
  { key, operator, values = [] }: { key: string; operator: string; values?: string[] },
  labels: Record<string, string>,
): boolean {
  const value = labels[key];
  if (operator === 'Exists') return value !== undefined;
  if (operator === 'DoesNotExist') return value === undefined;
  if (operator === 'NotIn') return value === undefined || !values.includes(value);
  if (value === undefined) return false;
  if (operator === 'In') return values.includes(value);
  return operator === 'Gt' ? Number(value) > Number(values[0]) : Number(value) < Number(values[0]);
}
const termHolds = (term: { matchExpressions?: { key: string; operator: string; values?: string[] }[] }, node: Node) =>
  (term.matchExpressions ?? []).length > 0 &&
  (term.matchExpressions ?? []).every((one) => holds(one, node.metadata.labels ?? {}));

const fits: Record<string, (pod: Pod, place: Place) => boolean> = {
  NodeUnschedulable: (pod, { node }) =>
    !node.spec?.unschedulable || isTolerated(pod, { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }),
  TaintToleration: (pod, { node }) =>
    (node.spec?.taints ?? []).every((taint) => taint.effect === 'PreferNoSchedule' || isTolerated(pod, taint)),
  NodeAffinity(pod, { node }) {
    const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
    const selector = Object.entries(pod.spec.nodeSelector ?? {});
    if (!selector.every(([key, value]) => node.metadata.labels?.[key] === value)) return false;
    return !required || required.nodeSelectorTerms.some((term) => termHolds(term, node));
  },
  NodePorts: (pod, { pods }) =>
    !portsOf(pod).some((wanted) =>
      pods
        .flatMap(portsOf)
        .some(
          (taken) =>
            taken.hostPort === wanted.hostPort &&
            taken.protocol === wanted.protocol &&
            (!taken.hostIP || !wanted.hostIP || taken.hostIP === wanted.hostIP),
        ),
    ),
  NodeResourcesFit: (pod, { node, pods }) =>
    pods.length + 1 <= Number(node.status?.allocatable?.['pods']) &&
    ['cpu', 'memory', 'x.io/gpu'].every((name) => {
      const used = pods.reduce((sum, one) => sum + requestOf(one, name), 0);
      return requestOf(pod, name) === 0 || used + requestOf(pod, name) <= offerOf(node, name);
    }),
};

const whole = Math.trunc;
const scores: Record<string, (pod: Pod, place: Place, all: Place[]) => number> = {
  TaintToleration: (pod, { node }) =>
    (node.spec?.taints ?? []).filter((taint) => taint.effect === 'PreferNoSchedule' && !isTolerated(pod, taint)).length,
  NodeAffinity: (pod, { node }) =>
    (pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [])
      .filter(({ preference }) => termHolds(preference, node))
      .reduce((sum, { weight }) => sum + weight, 0),
  NodeResourcesFit(pod, { node, pods }) {
    const assumed = { cpu: 100, memory: 200 * 2 ** 20 };
    // A request of zero is a request.
    const used = (name: 'cpu' | 'memory') =>
      [...pods, pod].reduce((sum, one) => {
        const asked = one.spec.containers[0]?.resources?.requests?.[name];
        return sum + (asked === undefined ? assumed[name] : amount(name, asked));
      }, 0);
    const free = (name: 'cpu' | 'memory') => {
      const offered = offerOf(node, name);
      return used(name) > offered ? 0 : whole(((offered - used(name)) * 100) / offered);
    };
    return whole((free('cpu') + free('memory')) / 2);
  },
  NodeResourcesBalancedAllocation(pod, { node, pods }) {
    const share = (name: string) =>
      Math.min([...pods, pod].reduce((sum, one) => sum + requestOf(one, name), 0) / offerOf(node, name), 1);
    return whole((1 - Math.abs(share('cpu') - share('memory')) / 2) * 100);
  },
  ImageLocality(pod, { node }, all) {
    const image = pod.spec.containers[0]?.image as string;
    const sizeOn = (one: Node) => one.status?.images?.find(({ names }) => names?.includes(image))?.sizeBytes;
    const having = all.filter((place) => sizeOn(place.node) !== undefined).length;
    const [small, large] = [23 * 2 ** 20, 1000 * 2 ** 20];
    const scaled = whole((sizeOn(node) ?? 0) * (having / all.length));
    return whole((100 * (Math.min(Math.max(scaled, small), large) - small)) / (large - small));
  },
};

describe('plugins that look at one node, against a deliberately simple reference', () => {
  const withFilter = defaultPlugins.filter(({ name }) => fits[name]);
  const withScore = defaultPlugins.filter(({ name }) => scores[name]);

  it('give the same answers in any cluster, as it changes', () => {
    const seen = new Map<string, Set<boolean>>();
    for (let seed = 1; seed <= 25; seed++) {
      const rng = seededRng(seed);
      const places: Place[] = Array.from({ length: 6 }, (_, i) => ({ node: randomNode(rng, `n${i}`), pods: [] }));
      const snapshot = new Snapshot();
      for (const { node } of places) snapshot.updateNode(node);
      for (let step = 0; step < 40; step++) {
        const pod = randomPod(rng, `p${step}`);
        const label = `seed ${seed}, step ${step}: ${JSON.stringify(pod.spec)}`;
        for (const plugin of withFilter) {
          const evaluation = new Evaluation([plugin], snapshot, pod);
          const got = places.map(({ node }) => !evaluation.failedAt(snapshot.slotOf(node.metadata.name) as number));
          const expected = places.map((place) => fits[plugin.name]?.(pod, place));
          expect(got, `${plugin.name}, ${label}`).toEqual(expected);
          for (const answer of got) seen.set(plugin.name, (seen.get(plugin.name) ?? new Set()).add(answer));
        }
        const slots = places.map(({ node }) => snapshot.slotOf(node.metadata.name) as number);
        for (const { name, score } of withScore) {
          const rate = score?.prepare(new Evaluation([], snapshot, pod).request, slots);
          // Without a rate it has nothing to say: all nodes are alike to it.
          const expected = places.map((place) => scores[name]?.(pod, place, places));
          if (rate) expect(slots.map(rate), `${name}, ${label}`).toEqual(expected);
          else if (name !== 'NodeResourcesBalancedAllocation')
            expect(new Set(expected).size, `${name}, ${label}`).toBe(1);
        }
        const place = pick(rng, places);
        const dice = rng.next();
        if (dice < 0.6) {
          place.pods.push(pod);
          snapshot.addPod(pod, place.node.metadata.name);
        } else if (dice < 0.85) {
          const gone = place.pods.shift();
          if (gone) snapshot.removePod(gone.metadata.uid as string);
        } else {
          place.node = randomNode(rng, place.node.metadata.name);
          snapshot.updateNode(place.node);
        }
      }
    }
    // Every filter has let some pass and turned some away.
    expect(Object.fromEntries([...seen].map(([name, answers]) => [name, answers.size]))).toEqual(
      Object.fromEntries(withFilter.map(({ name }) => [name, 2])),
    );
  });
});
