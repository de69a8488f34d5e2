import { describe, expect, it } from 'vitest';
import type { Node, Pod, Taint } from '../api/generated/types.ts';
import { type Rng, seededRng } from '../base/rng.ts';
import { resourcesFit } from './filters/resources.ts';
import { taintsTolerated } from './filters/taints.ts';
import { nodeAffinity } from './filters/node-affinity.ts';
import { nodePorts } from './filters/node-ports.ts';
import type { NodeFilter } from './filters/node-filter.ts';
import { unschedulable } from './filters/unschedulable.ts';
import { Snapshot } from './snapshot.ts';

const pick = <T>(rng: Rng, items: readonly T[]): T => items[Math.floor(rng.next() * items.length)] as T;

function randomNode(rng: Rng, name: string): Node {
  const taints: Taint[] = rng.next() < 0.3 ? [{ key: 'team', value: pick(rng, ['a', 'b']), effect: 'NoSchedule' }] : [];
  const allocatable = {
    cpu: pick(rng, ['1', '2', '3500m']),
    memory: pick(rng, ['1Gi', '2Gi']),
    pods: pick(rng, ['3', '8']),
  };
  return {
    metadata: {
      name,
      labels: { zone: pick(rng, ['x', 'y']), ...(rng.next() < 0.5 ? { size: pick(rng, ['3', '9']) } : {}) },
    },
    spec: { taints, ...(rng.next() < 0.1 ? { unschedulable: true } : {}) },
    status: { allocatable: rng.next() < 0.2 ? { ...allocatable, 'x.io/gpu': '2' } : allocatable },
  };
}

function randomPod(rng: Rng, uid: string): Pod {
  const requests: Record<string, string> = { cpu: pick(rng, ['100m', '0.5', '1']), memory: pick(rng, ['128Mi', '1G']) };
  if (rng.next() < 0.1) requests['x.io/gpu'] = '1';
  const ports = rng.next() < 0.2 ? [{ containerPort: 80, hostPort: pick(rng, [80, 81]) }] : [];
  const size = { key: 'size', operator: pick(rng, ['Gt', 'Lt', 'Exists', 'DoesNotExist'] as const), values: ['5'] };
  const nodeSelectorTerms = [{ matchExpressions: [size] }];
  return {
    metadata: { name: uid, namespace: 'default', uid },
    spec: {
      containers: [{ name: 'c', image: 'i', ports, resources: { requests } }],
      ...(rng.next() < 0.3 ? { nodeSelector: { zone: pick(rng, ['x', 'y', 'z']) } } : {}),
      ...(rng.next() < 0.3 ? { tolerations: [{ key: 'team', value: pick(rng, ['a', 'b']) }] } : {}),
      ...(rng.next() < 0.2
        ? { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } } }
        : {}),
    },
    status: {},
  };
}

/** The same rules over plain objects, with nothing kept between questions. */
class Reference {
  readonly nodes = new Map<string, Node>();
  readonly pods = new Map<string, { pod: Pod; node: string }>();

  fits(pod: Pod, name: string): boolean {
    const node = this.nodes.get(name) as Node;
    const others = [...this.pods.values()].filter((p) => p.node === name).map((p) => p.pod);
    return (
      this.#hasRoom(pod, node, others) &&
      !(node.spec.unschedulable && !this.#tolerates(pod, 'node.kubernetes.io/unschedulable', '')) &&
      (node.spec.taints ?? []).every((t) => this.#tolerates(pod, t.key, t.value ?? '')) &&
      this.#isSelected(pod, node.metadata.labels ?? {}) &&
      !this.#ports(pod).some((port) => others.flatMap((other) => this.#ports(other)).includes(port))
    );
  }

  #hasRoom(pod: Pod, node: Node, others: Pod[]): boolean {
    const sum = (name: string) => [...others, pod].reduce((total, p) => total + this.#asks(p, name), 0);
    const offers = (name: string) => amount(node.status.allocatable?.[name] ?? '0');
    const names = ['cpu', 'memory', 'x.io/gpu'].filter((name) => this.#asks(pod, name) > 0);
    return others.length + 1 <= offers('pods') && names.every((name) => sum(name) <= offers(name) + 1e-9);
  }

  #asks = (pod: Pod, name: string) => amount(pod.spec.containers[0]?.resources?.requests?.[name] ?? '0');
  #ports = (pod: Pod) => (pod.spec.containers[0]?.ports ?? []).map((port) => port.hostPort);
  #tolerates = (pod: Pod, key: string, value: string) =>
    (pod.spec.tolerations ?? []).some((t) => t.key === key && t.value === value);

  #isSelected(pod: Pod, labels: Record<string, string>): boolean {
    if (pod.spec.nodeSelector && pod.spec.nodeSelector['zone'] !== labels['zone']) return false;
    const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
    const operator = required?.nodeSelectorTerms[0]?.matchExpressions?.[0]?.operator;
    const size = labels['size'];
    if (operator === 'Gt') return Number(size) > 5;
    if (operator === 'Lt') return Number(size) < 5;
    if (operator === 'Exists') return size !== undefined;
    return operator !== 'DoesNotExist' || size === undefined;
  }
}

const units: Record<string, number> = { m: 1e-3, Mi: 2 ** 20, Gi: 2 ** 30, G: 1e9 };
const amount = (text: string): number => Number.parseFloat(text) * (units[text.replace(/[\d.]+/, '')] ?? 1);

const filters: NodeFilter[] = [unschedulable, taintsTolerated, nodeAffinity, nodePorts, resourcesFit];

function fits(snapshot: Snapshot, pod: Pod, name: string): boolean {
  const request = { snapshot, pod, requirement: snapshot.requirementOf(pod.spec) };
  const slot = snapshot.slotOf(name) as number;
  return filters.every((filter) => filter.prepare(request)?.passes(slot) ?? true);
}

/** One random change to both; pods may come before their node, and stay when it goes. */
function change(rng: Rng, snapshot: Snapshot, reference: Reference): void {
  const name = `n${Math.floor(rng.next() * 90)}`;
  const dice = rng.next();
  if (dice < 0.3) {
    const node = randomNode(rng, name);
    reference.nodes.set(name, node);
    snapshot.updateNode(node);
  } else if (dice < 0.4) {
    reference.nodes.delete(name);
    snapshot.removeNode(name);
  } else if (dice < 0.8) {
    // Some come twice: elsewhere, or with other requests.
    const uid = `p${Math.floor(rng.next() * 300)}`;
    const pod = randomPod(rng, uid);
    reference.pods.set(uid, { pod, node: name });
    snapshot.addPod(pod, name);
  } else {
    const uid = `p${Math.floor(rng.next() * 300)}`;
    reference.pods.delete(uid);
    snapshot.removePod(uid);
  }
}

describe('Snapshot', () => {
  it.each([1, 2, 3])('agrees with plain objects after any changes (seed %d)', (seed) => {
    const rng = seededRng(seed);
    const snapshot = new Snapshot();
    const reference = new Reference();
    const answers = { yes: 0, no: 0 };
    for (let step = 0; step < 1500; step++) {
      change(rng, snapshot, reference);
      if (step % 25 !== 0) continue;
      expect(snapshot.size).toBe(reference.nodes.size);
      expect(snapshot.podCount).toBe(reference.pods.size);
      const pod = randomPod(rng, 'asked');
      for (const name of reference.nodes.keys()) {
        const expected = reference.fits(pod, name);
        answers[expected ? 'yes' : 'no']++;
        expect([step, name, fits(snapshot, pod, name)]).toEqual([step, name, expected]);
      }
    }
    // Otherwise the comparison says little.
    expect(Math.min(answers.yes, answers.no)).toBeGreaterThan(100);
  });

  it('is empty again when everything has gone', () => {
    const rng = seededRng(4);
    const snapshot = new Snapshot();
    for (let i = 0; i < 80; i++) snapshot.updateNode(randomNode(rng, `n${i}`));
    for (let i = 0; i < 200; i++) snapshot.addPod(randomPod(rng, `p${i}`), `n${i % 80}`);
    for (let i = 0; i < 200; i++) snapshot.removePod(`p${i}`);
    for (const column of snapshot.resources.all) expect(column.requested.every((value) => value === 0)).toBe(true);
    for (let i = 0; i < 80; i++) snapshot.removeNode(`n${i}`);
    expect([snapshot.size, snapshot.counts]).toEqual([0, { tainted: 0, cordoned: 0 }]);
  });

  it('says what changed of a node, and a heartbeat is nothing', () => {
    const snapshot = new Snapshot();
    const node = randomNode(seededRng(5), 'n');
    expect(snapshot.updateNode(node)).toMatchObject({ added: true });
    const { generation } = snapshot.changes;
    const beat = {
      ...node,
      status: { ...structuredClone(node.status), conditions: [{ type: 'Ready', status: 'True' }] },
    };
    expect(Object.values(snapshot.updateNode(beat))).not.toContain(true);
    expect(snapshot.changes.generation).toBe(generation);
    const cordoned = { ...beat, spec: { ...node.spec, unschedulable: true } };
    expect(snapshot.updateNode(cordoned)).toMatchObject({ added: false, taints: true, labels: false });
  });

  it('shares one requirement among pods with equal specs, and only those', () => {
    const snapshot = new Snapshot();
    const { spec } = randomPod(seededRng(6), 'p');
    const first = snapshot.requirementOf(spec);
    expect(snapshot.requirementOf(structuredClone(spec))).toBe(first);
    expect(snapshot.requirementOf({ ...structuredClone(spec), tolerations: [{ operator: 'Exists' }] })).not.toBe(first);
  });
});
