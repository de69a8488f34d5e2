import { describe, expect, it } from 'vitest';
import type { Node, Pod, PodSpec } from '../../api/generated/types.ts';
import { Snapshot } from '../snapshot.ts';
import { nodeAffinity } from './node-affinity.ts';
import type { NodeFilter } from './node-filter.ts';
import { nodeName } from './node-name.ts';
import { nodePorts } from './node-ports.ts';
import { resourcesFit } from './resources.ts';
import { taintsTolerated } from './taints.ts';
import { unschedulable } from './unschedulable.ts';

const node = (name: string, spec: Node['spec'] = {}, labels: Record<string, string> = {}): Node => ({
  metadata: { name, labels },
  spec,
  status: { allocatable: { cpu: '2', memory: '1Gi', pods: '2' } },
});

const pod = (uid: string, spec: Partial<PodSpec> = {}): Pod => ({
  metadata: { name: uid, namespace: 'default', uid },
  spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
  status: {},
});

/** The reasons by node; a node that passes has none. */
function ask(filter: NodeFilter, snapshot: Snapshot, spec: Partial<PodSpec>): Record<string, string[]> {
  const asked = pod('asked', spec);
  const test = filter.prepare({ snapshot, pod: asked, requirement: snapshot.requirementOf(asked.spec) });
  const answers: Record<string, string[]> = {};
  for (const slot of snapshot.slots.slice(0, snapshot.size)) {
    answers[snapshot.node(slot)?.name ?? '?'] = !test || test.passes(slot) ? [] : test.reasons(slot);
  }
  return answers;
}

function world(...nodes: Node[]): Snapshot {
  const snapshot = new Snapshot();
  for (const one of nodes) snapshot.updateNode(one);
  return snapshot;
}

const requests = (list: Record<string, string>) => ({ containers: [{ name: 'c', resources: { requests: list } }] });
const withPort = (hostPort: number, more: object = {}) => ({
  containers: [{ name: 'c', ports: [{ containerPort: 1, hostPort, ...more }] }],
});

describe('resourcesFit', () => {
  it('names everything that is short, and takes what fits exactly', () => {
    const snapshot = world(node('n'));
    expect(ask(resourcesFit, snapshot, requests({ cpu: '2', memory: '1Gi' }))).toEqual({ n: [] });
    snapshot.addPod(pod('a', requests({ cpu: '1' })), 'n');
    expect(ask(resourcesFit, snapshot, requests({ cpu: '1001m', memory: '2Gi', 'x.io/gpu': '1' }))).toEqual({
      n: ['Insufficient cpu', 'Insufficient memory', 'Insufficient x.io/gpu'],
    });
    snapshot.addPod(pod('b'), 'n');
    expect(ask(resourcesFit, snapshot, {})).toEqual({ n: ['Too many pods'] });
  });

  it('does not mind what a pod does not ask for, however short it is', () => {
    const snapshot = world(node('n'));
    snapshot.addPod(pod('a', requests({ cpu: '5' })), 'n');
    expect(ask(resourcesFit, snapshot, requests({ memory: '1Mi' }))).toEqual({ n: [] });
  });
});

describe('taintsTolerated', () => {
  const reason = 'node(s) had untolerated taint(s)';
  const taints = [
    { key: 'a', value: '1', effect: 'NoSchedule' as const },
    { key: 'b', effect: 'NoExecute' as const },
    { key: 'soft', effect: 'PreferNoSchedule' as const },
  ];
  it.each<[string, NonNullable<PodSpec['tolerations']>, string[]]>([
    ['nothing', [], [reason]],
    ['one of two', [{ key: 'a', value: '1' }], [reason]],
    ['both', [{ key: 'a', operator: 'Equal', value: '1' }, { key: 'b' }], []],
    [
      'the wrong value',
      [
        { key: 'a', value: '2' },
        { key: 'b', operator: 'Exists' },
      ],
      [reason],
    ],
    ['the wrong effect', [{ key: 'a', value: '1', effect: 'NoExecute' }, { key: 'b' }], [reason]],
    ['everything', [{ operator: 'Exists' }], []],
  ])('a pod that tolerates %s', (_what, tolerations, expected) => {
    expect(ask(taintsTolerated, world(node('n', { taints }), node('free')), { tolerations })).toEqual({
      n: expected,
      free: [],
    });
  });
});

describe('nodeAffinity', () => {
  const reason = "node(s) didn't match Pod's node affinity/selector";
  const snapshot = world(node('a', {}, { zone: 'x', size: '5' }), node('b', {}, { zone: 'y' }));
  const required = (...nodeSelectorTerms: object[]) =>
    ({
      nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } },
    }) as PodSpec['affinity'];
  const expression = (key: string, operator: string, ...values: string[]) => ({
    matchExpressions: [{ key, operator, values }],
  });
  it.each<[string, PodSpec['affinity'], string[]]>([
    ['In', required(expression('zone', 'In', 'x', 'z')), ['a']],
    ['NotIn, also without the label', required(expression('size', 'NotIn', '5')), ['b']],
    ['Exists', required(expression('size', 'Exists')), ['a']],
    ['DoesNotExist', required(expression('size', 'DoesNotExist')), ['b']],
    ['Gt', required(expression('size', 'Gt', '4')), ['a']],
    ['Lt, which nothing without the label is', required(expression('size', 'Lt', '5')), []],
    ['terms are alternatives', required(expression('zone', 'In', 'x'), expression('zone', 'In', 'y')), ['a', 'b']],
    ['an empty term selects nothing', required({}), []],
  ])('%s', (_what, affinity, expected) => {
    const answers = ask(nodeAffinity, snapshot, { affinity });
    expect(Object.keys(answers).filter((name) => answers[name]?.length === 0)).toEqual(expected);
    expect(Object.values(answers).every((reasons) => reasons.length === 0 || reasons[0] === reason)).toBe(true);
  });

  it('joins nodeSelector to every term', () => {
    const affinity = required(expression('zone', 'In', 'x'));
    expect(ask(nodeAffinity, snapshot, { affinity, nodeSelector: { size: '6' } })).toEqual({
      a: [reason],
      b: [reason],
    });
  });

  it('sees values that came after the pod was first asked about', () => {
    const growing = world(node('a', {}, { zone: 'x' }));
    const affinity = required(expression('zone', 'NotIn', 'x'));
    expect(ask(nodeAffinity, growing, { affinity })).toEqual({ a: [reason] });
    growing.updateNode(node('a', {}, { zone: 'new' }));
    expect(ask(nodeAffinity, growing, { affinity })).toEqual({ a: [] });
  });

  it('names the only nodes that come into question when the pod does', () => {
    const affinity = required({ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['b'] }] });
    const asked = pod('asked', { affinity });
    const test = nodeAffinity.prepare({ snapshot, pod: asked, requirement: snapshot.requirementOf(asked.spec) });
    expect(test?.only).toEqual([snapshot.slotOf('b')]);
    expect(ask(nodeAffinity, snapshot, { affinity })).toEqual({ a: [reason], b: [] });
  });
});

describe('nodePorts', () => {
  it('knows protocols and addresses, and frees the port with the pod', () => {
    const snapshot = world(node('n'));
    snapshot.addPod(pod('a', withPort(80, { hostIP: '10.0.0.1' })), 'n');
    const taken = { n: ["node(s) didn't have free ports for the requested pod ports"] };
    expect(ask(nodePorts, snapshot, withPort(80))).toEqual(taken);
    expect(ask(nodePorts, snapshot, withPort(80, { hostIP: '10.0.0.1' }))).toEqual(taken);
    expect(ask(nodePorts, snapshot, withPort(80, { hostIP: '10.0.0.2' }))).toEqual({ n: [] });
    expect(ask(nodePorts, snapshot, withPort(80, { protocol: 'UDP' }))).toEqual({ n: [] });
    expect(ask(nodePorts, snapshot, withPort(81))).toEqual({ n: [] });
    snapshot.removePod('a');
    expect(ask(nodePorts, snapshot, withPort(80))).toEqual({ n: [] });
  });
});

describe('unschedulable and nodeName', () => {
  it('keep pods off cordoned nodes, unless they tolerate it', () => {
    const snapshot = world(node('cordoned', { unschedulable: true }), node('open'));
    expect(ask(unschedulable, snapshot, {})).toEqual({ cordoned: ['node(s) were unschedulable'], open: [] });
    const tolerations = [{ key: 'node.kubernetes.io/unschedulable', operator: 'Exists' as const }];
    expect(ask(unschedulable, snapshot, { tolerations })).toEqual({ cordoned: [], open: [] });
  });

  it('keep a pod to the node it names', () => {
    const other = ["node(s) didn't match the requested node name"];
    expect(ask(nodeName, world(node('a'), node('b')), { nodeName: 'b' })).toEqual({ a: other, b: [] });
    expect(ask(nodeName, world(node('a')), { nodeName: 'gone' })).toEqual({ a: other });
  });
});
