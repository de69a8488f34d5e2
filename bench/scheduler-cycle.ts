import { cpus } from 'node:os';
import type { Node, Pod } from '../src/api/generated/types.ts';
import { seededRng } from '../src/base/rng.ts';
import { Snapshot } from '../src/placement/snapshot.ts';
import { schedule } from '../src/scheduler/cycle.ts';
import { defaultPlugins } from '../src/scheduler/plugins.ts';

/**
 * The scheduler's own cost, alone: no API server, no informers, no bindings. Hollow nodes, which are only objects.
 * `tsx bench/scheduler-cycle.ts [nodes] [pods]`; prints one JSON line per case.
 */
const [nodeCount = 5000, podCount = 10_000] = process.argv.slice(2).map(Number);
const zones = ['a', 'b', 'c'];

function hollowNode(i: number): Node {
  const name = `hollow-${i}`;
  const labels = { 'kubernetes.io/hostname': name, 'topology.kubernetes.io/zone': zones[i % 3] as string };
  const taints = i % 10 === 0 ? [{ key: 'dedicated', value: 'batch', effect: 'NoSchedule' as const }] : undefined;
  const allocatable = { cpu: '32', memory: '128Gi', pods: '110' };
  return { metadata: { name, labels }, spec: { taints }, status: { allocatable, capacity: allocatable } };
}

/** A fresh object for each pod, as the informer hands them out: only equal, never identical. */
function pendingPod(i: number, more: object): Pod {
  const requests = { cpu: `${100 + (i % 5) * 50}m`, memory: `${128 + (i % 3) * 128}Mi` };
  return {
    metadata: { name: `pod-${i}`, namespace: 'bench', uid: `uid-${i}` },
    spec: { containers: [{ name: 'c', image: `app-${i % 10}:1`, resources: { requests } }], priority: 0, ...more },
    status: {},
  };
}

const inZoneA = {
  nodeAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [
        { matchExpressions: [{ key: 'topology.kubernetes.io/zone', operator: 'In' as const, values: ['a'] }] },
      ],
    },
    preferredDuringSchedulingIgnoredDuringExecution: [
      { weight: 5, preference: { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'Exists' as const }] } },
    ],
  },
};
const impossible = { nodeSelector: { 'topology.kubernetes.io/zone': 'nowhere' } };

function run(name: string, more: object): void {
  const snapshot = new Snapshot();
  for (let i = 0; i < nodeCount; i++) snapshot.updateNode(hollowNode(i));
  const waiting = Array.from({ length: podCount }, (_, i) => pendingPod(i, structuredClone(more)));
  const rng = seededRng(1);
  const attemptsUs = new Float64Array(podCount);
  let placed = 0;
  let start = 0;
  const began = process.hrtime.bigint();
  waiting.forEach((pod, i) => {
    const attemptBegan = process.hrtime.bigint();
    const result = schedule({ snapshot, plugins: defaultPlugins }, pod, { rng, start });
    start = (start + result.evaluated) % snapshot.size;
    if ('node' in result) {
      snapshot.addPod(pod, result.node);
      placed++;
    }
    attemptsUs[i] = Number(process.hrtime.bigint() - attemptBegan) / 1000;
  });
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  attemptsUs.sort();
  const at = (share: number) => Math.round(attemptsUs[Math.floor((podCount - 1) * share)] as number);
  const result = {
    case: name,
    nodes: nodeCount,
    pods: podCount,
    placed,
    podsPerSecond: Math.round(podCount / seconds),
  };
  const attempt = { p50Us: at(0.5), p99Us: at(0.99), maxUs: at(1) };
  process.stdout.write(`${JSON.stringify({ ...result, ...attempt, node: process.version, cpu: cpus()[0]?.model })}\n`);
}

run('plain requests, a tenth of the nodes tainted', {});
run('required and preferred node affinity', { affinity: inZoneA });
run('fits nowhere, reasons for every node', impossible);
