import { describe, expect, it } from 'vitest';
import type { DaemonSet, DaemonSetSpec, Node, Pod, Taint } from '../../api/generated/types.ts';
import { VirtualClock } from '../../base/virtual-clock.ts';
import { Snapshot } from '../../placement/snapshot.ts';
import { hashLabel } from './daemon-pod.ts';
import { eligibility } from './eligibility.ts';
import { FailureBackoff } from './failure-backoff.ts';
import { plan } from './plan.ts';

const set = (spec: Partial<DaemonSetSpec>): DaemonSet =>
  ({
    metadata: { name: 'agent', uid: 'set', generation: 1 },
    spec: { template: { spec: { containers: [] } }, ...spec },
  }) as unknown as DaemonSet;

type Health = 'works' | 'broken' | 'going' | 'failed';
let count = 0;
function pod(node: string, hash: string, health: Health = 'works'): Pod {
  const conditions = [{ type: 'Ready', status: health === 'works' ? 'True' : 'False' }];
  const deletionTimestamp = health === 'going' ? '2026-01-01T00:00:00Z' : undefined;
  const name = `${node}-${hash}`;
  const creationTimestamp = new Date(Date.UTC(2026, 0, 1) + ++count * 1000).toISOString();
  return {
    metadata: { name, uid: `${name}-${count}`, labels: { [hashLabel]: hash }, deletionTimestamp, creationTimestamp },
    spec: { nodeName: node, containers: [] },
    status: { phase: health === 'failed' ? 'Failed' : 'Running', conditions },
  } as unknown as Pod;
}

function ask(rollingUpdate: object, pods: Pod[], nodeNames = ['a', 'b', 'c']) {
  const nodes = new Map(nodeNames.map((name) => [name, { shouldRun: true, mayStay: true }]));
  const p = plan({ set: set({ updateStrategy: { rollingUpdate } }), nodes, pods, hash: 'new', nowMs: 0 });
  return [
    ...p.create.map((node) => `create ${node}`),
    ...p.delete.map((one) => `delete ${one.metadata.name}`),
    ...[...p.ended.keys()].map((node) => `ended ${node}`),
  ];
}

const surge = (maxSurge: number | string) => ({ maxSurge, maxUnavailable: 0 });

describe('the plan of a DaemonSet', () => {
  it.each<[string, object, Pod[], string[]]>([
    ['fills nodes that have none', {}, [pod('b', 'new')], ['create a', 'create c']],
    ['waits while the last one goes', {}, [pod('a', 'new'), pod('b', 'new'), pod('c', 'new', 'going')], []],
    ['removes all but the oldest', {}, [...all('new'), pod('a', 'new')], ['delete a-new']],
    ['names those that have ended', {}, [pod('a', 'new'), pod('b', 'new'), pod('c', 'new', 'failed')], ['ended c']],
    ['replaces one at a time', {}, all('old'), ['delete a-old']],
    ['a share rounds up', { maxUnavailable: '34%' }, all('old'), ['delete a-old', 'delete b-old']],
    ['waits for what it replaced', {}, [pod('a', 'new', 'broken'), pod('b', 'old'), pod('c', 'old')], []],
    [
      'replaces what is broken at once',
      {},
      [pod('a', 'old'), pod('b', 'old', 'broken'), pod('c', 'old', 'broken')],
      ['delete b-old', 'delete c-old'],
    ],
    ['surges on as many nodes as it may', surge(2), all('old'), ['create a', 'create b']],
    ['waits for the new one', surge(1), [...all('old'), pod('a', 'new', 'broken')], []],
    ['takes the old one when the new one works', surge(1), [...all('old'), pod('a', 'new')], ['delete a-old']],
    [
      'takes an old one that broke meanwhile',
      surge(1),
      [pod('a', 'old', 'broken'), pod('b', 'old'), pod('c', 'old'), pod('a', 'new', 'broken')],
      ['delete a-old', 'create b'],
    ],
    ['settled', {}, all('new'), []],
  ])('%s', (_what, rollingUpdate, pods, expected) => {
    expect(ask(rollingUpdate, pods).sort()).toEqual([...expected].sort());
  });
});

function all(hash: string): Pod[] {
  return ['a', 'b', 'c'].map((node) => pod(node, hash));
}

describe('where daemons belong', () => {
  const node = (name: string, taints: Taint[] = [], labels = {}): Node =>
    ({ metadata: { name, labels }, spec: { taints }, status: {} }) as Node;
  it('follows selectors; NoSchedule keeps new ones away, NoExecute drives all away; built-in taints do neither', () => {
    const snapshot = new Snapshot();
    const key = (name: string) => `node.kubernetes.io/${name}`;
    for (const one of [
      node('plain'),
      node('labelled', [], { kind: 'x' }),
      node('closed', [{ key: 'mine', effect: 'NoSchedule' }], { kind: 'x' }),
      node('hostile', [{ key: 'mine', effect: 'NoExecute' }], { kind: 'x' }),
      node(
        'lost',
        [
          { key: key('unreachable'), effect: 'NoExecute' },
          { key: key('disk-pressure'), effect: 'NoSchedule' },
        ],
        { kind: 'x' },
      ),
    ])
      snapshot.updateNode(one);
    const template = { spec: { containers: [], nodeSelector: { kind: 'x' } } };
    const answers = eligibility(snapshot, set({ template } as never));
    const text = (name: string) => `${answers.get(name)?.shouldRun} ${answers.get(name)?.mayStay}`;
    expect(['plain', 'labelled', 'closed', 'hostile', 'lost'].map(text)).toEqual([
      'false false',
      'true true',
      'false true',
      'false false',
      'true true',
    ]);
  });
});

it('replaces failed daemons at once, then after 1 s, 2 s, …', async () => {
  const clock = new VirtualClock();
  const failures = new FailureBackoff(clock);
  expect(failures.attempt(set({}), 'a')).toBe(0);
  expect(failures.attempt(set({}), 'a')).toBe(1000);
  expect(failures.attempt(set({}), 'b')).toBe(0);
  await clock.advance(1000);
  expect(failures.attempt(set({}), 'a')).toBe(0);
  expect(failures.attempt(set({}), 'a')).toBe(2000);
});
