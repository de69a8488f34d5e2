import { describe, expect, it } from 'vitest';
import type { Node, Pod } from '../api/generated/types.ts';
import { seededRng } from '../base/rng.ts';
import { Snapshot } from '../placement/snapshot.ts';
import { schedule } from './cycle.ts';
import { enoughNodes } from './node-window.ts';
import { defaultProfile } from './plugins.ts';
import { unschedulableMessage } from './unschedulable-message.ts';

const node = (name: string, more: Partial<Node> = {}): Node =>
  ({
    metadata: { name, labels: { 'kubernetes.io/hostname': name } },
    spec: {},
    status: { allocatable: { cpu: '2', memory: '4Gi', pods: '10' } },
    ...more,
  }) as Node;

const pod = (name: string, spec: object = {}, cpu = '500m'): Pod =>
  ({
    metadata: { name, namespace: 'default', uid: name },
    spec: { containers: [{ name: 'c', image: 'i', resources: { requests: { cpu } } }], ...spec },
    status: {},
  }) as unknown as Pod;

function world(...nodes: Node[]): Snapshot {
  const snapshot = new Snapshot();
  for (const one of nodes) snapshot.updateNode(one);
  return snapshot;
}

const place = (snapshot: Snapshot, one: Pod) =>
  schedule({ snapshot, profile: defaultProfile }, one, { rng: seededRng(1) });

function failure(snapshot: Snapshot, one: Pod) {
  const placement = place(snapshot, one);
  if (!('diagnosis' in placement)) throw new Error(`it was placed on ${placement.node}`);
  return placement;
}
const reasonsFor = (snapshot: Snapshot, one: Pod) => Object.fromEntries(failure(snapshot, one).diagnosis.reasons);
const messageFor = (snapshot: Snapshot, one: Pod) => unschedulableMessage(failure(snapshot, one));

describe('schedule', () => {
  it('prefers the node with more room', () => {
    const snapshot = world(node('a'), node('b'));
    snapshot.addPod(pod('there', {}, '1'), 'a');
    expect(place(snapshot, pod('p'))).toMatchObject({ node: 'b' });
  });

  it('fills a node exactly, and then says what is missing', () => {
    const snapshot = world(node('a'));
    for (let i = 0; i < 4; i++) {
      expect(place(snapshot, pod(`p${i}`))).toMatchObject({ node: 'a' });
      snapshot.addPod(pod(`p${i}`), 'a');
    }
    expect(reasonsFor(snapshot, pod('last'))).toEqual({ 'Insufficient cpu': 1 });
  });

  it('counts every node under the first filter that it fails, in the words of Kubernetes', () => {
    const taints = [{ key: 'gpu', value: 'yes', effect: 'NoSchedule' as const }];
    const snapshot = world(
      node('cordoned', { spec: { unschedulable: true } }),
      node('tainted', { spec: { taints } }),
      node('small', { status: { allocatable: { cpu: '100m', memory: '1Gi', pods: '10' } } }),
      node('full', { status: { allocatable: { cpu: '4', memory: '1Gi', pods: '0' } } }),
    );
    const nodes =
      '0/4 nodes are available: 1 Insufficient cpu, 1 Too many pods, 1 node(s) had untolerated taint(s), 1 node(s) were unschedulable.';
    const others = 'no new claims to deallocate, preemption: ';
    expect(messageFor(snapshot, pod('p'))).toBe(
      `${nodes} ${others}0/4 nodes are available: 1 No preemption victims found for incoming pod, 3 Preemption is not helpful for scheduling.`,
    );
    expect(messageFor(snapshot, pod('p', { preemptionPolicy: 'Never' }))).toBe(
      `${nodes} ${others}not eligible due to preemptionPolicy=Never.`,
    );
    // A less important pod would leave, and still there would be no room.
    snapshot.addPod(pod('small', { priority: -1 }), 'full');
    expect(messageFor(snapshot, pod('p'))).toBe(
      `${nodes} ${others}0/4 nodes are available: 1 Too many pods, 3 Preemption is not helpful for scheduling.`,
    );
    const tolerations = [{ key: 'gpu', operator: 'Exists' }];
    expect(place(snapshot, pod('p', { tolerations }))).toMatchObject({ node: 'tainted' });
  });

  it('honours selectors, required affinity and host ports', () => {
    const snapshot = world(
      node('a', { metadata: { name: 'a', labels: { zone: 'x' } } }),
      node('b', { metadata: { name: 'b', labels: { zone: 'y' } } }),
    );
    expect(place(snapshot, pod('p', { nodeSelector: { zone: 'y' } }))).toMatchObject({ node: 'b' });
    const term = { matchExpressions: [{ key: 'zone', operator: 'NotIn', values: ['y'] }] };
    const affinity = {
      nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] } },
    };
    expect(place(snapshot, pod('p', { affinity }))).toMatchObject({ node: 'a' });
    const web = { containers: [{ name: 'c', image: 'i', ports: [{ containerPort: 80, hostPort: 80 }] }] };
    snapshot.addPod(pod('web', web), 'a');
    expect(place(snapshot, pod('other', web))).toMatchObject({ node: 'b' });
    snapshot.addPod(pod('other', web), 'b');
    expect(reasonsFor(snapshot, pod('third', web))).toEqual({
      "node(s) didn't have free ports for the requested pod ports": 2,
    });
  });

  it('tells nodes that a pod pinned elsewhere never asked about from those that do not fit', () => {
    const snapshot = world(node('a'), node('b', { spec: { unschedulable: true } }), node('c'));
    const byName = { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['b'] }] };
    const pinned = {
      nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [byName] } },
    };
    expect(reasonsFor(snapshot, pod('p', { affinity: pinned }))).toEqual({
      'node(s) were unschedulable': 1,
      "node(s) didn't satisfy plugin(s) [NodeAffinity]": 2,
    });
  });

  it('looks at all nodes of a small cluster and at a part of a large one', () => {
    expect([50, 100, 1000, 5000, 20_000].map((count) => enoughNodes(count))).toEqual([50, 100, 420, 500, 1000]);
  });
});
