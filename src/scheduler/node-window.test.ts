import { describe, expect, it } from 'vitest';
import type { Node, Pod, Service } from '../api/generated/types.ts';
import { type Rng, seededRng } from '../base/rng.ts';
import { Snapshot } from '../placement/snapshot.ts';
import { Evaluation } from './evaluation.ts';
import { openWindow, windowFor, WindowMemory } from './node-window.ts';
import { defaultProfile as profile } from './plugins.ts';

const node = (name: string, cpu: string, taints: NonNullable<Node['spec']>['taints'] = []): Node => ({
  metadata: {
    name,
    labels: { 'kubernetes.io/hostname': name, 'topology.kubernetes.io/zone': `zone-${cpu}`, size: cpu },
  },
  spec: { taints },
  status: { allocatable: { cpu, memory: '8Gi', pods: '4' } },
});

const pod = (uid: string, cpu: string, spec: object = {}, labels: Record<string, string> = {}): Pod =>
  ({
    metadata: { name: uid, namespace: 'ns', uid, labels },
    spec: { containers: [{ name: 'c', image: 'i', resources: { requests: { cpu } } }], ...spec },
    status: {},
  }) as unknown as Pod;

const pick = <T>(rng: Rng, items: readonly T[]): T => items[Math.floor(rng.next() * items.length)] as T;
const slotsIn = (snapshot: Snapshot) => Array.from(snapshot.slots.subarray(0, snapshot.size));

describe('WindowMemory', () => {
  it('knows the same nodes and totals as a window that is opened anew, whatever happened in between', () => {
    let recalled = 0;
    for (let seed = 1; seed <= 30; seed++) {
      const rng = seededRng(seed);
      const snapshot = new Snapshot();
      // Pods with this label are spread by default.
      snapshot.selectors.setService({
        metadata: { name: 'a', namespace: 'ns' },
        spec: { selector: { app: 'a' } },
      } as unknown as Service);
      const soft = [{ key: 'soft', effect: 'PreferNoSchedule' as const }];
      for (let i = 0; i < 8; i++) snapshot.updateNode(node(`n${i}`, pick(rng, ['1', '2', '4']), i % 3 ? [] : soft));
      const memory = new WindowMemory();
      const placed: string[] = [];
      for (let step = 0; step < 80; step++) {
        const spread = {
          preferredDuringSchedulingIgnoredDuringExecution: [
            { weight: 5, preference: { matchExpressions: [{ key: 'size', operator: 'In', values: ['2'] }] } },
          ],
        };
        const away = {
          requiredDuringSchedulingIgnoredDuringExecution: [
            { labelSelector: { matchLabels: { app: 'a' } }, topologyKey: 'kubernetes.io/hostname' },
          ],
        };
        const evenly = {
          maxSkew: 1,
          topologyKey: 'topology.kubernetes.io/zone',
          whenUnsatisfiable: 'ScheduleAnyway',
          labelSelector: { matchLabels: { app: 'a' } },
        };
        const spec = pick(rng, [
          {},
          {},
          { priority: 3 },
          { affinity: { nodeAffinity: spread } },
          { affinity: { podAntiAffinity: away } },
          { topologySpreadConstraints: [evenly] },
        ]);
        const asked = pod(
          `p${step}`,
          pick(rng, ['100m', '500m']),
          spec,
          pick(rng, [{}, { app: 'a' }]) as Record<string, string>,
        );
        const evaluation = new Evaluation(profile.at.filter, snapshot, asked);
        const known = windowFor({ profile, memory }, evaluation, 0);
        const fresh = openWindow(profile, new Evaluation(profile.at.filter, snapshot, asked), 0);
        if (known.evaluated === 1) recalled++;
        const totals = (window: typeof fresh) =>
          slotsIn(snapshot).map((slot) => (window.nodes.has(slot) ? window.nodes.totalOf(slot) : 'no'));
        expect(totals(known), `seed ${seed}, step ${step}`).toEqual(totals(fresh));
        const dice = rng.next();
        if (dice < 0.6 && fresh.nodes.size > 0) {
          snapshot.addPod(asked, snapshot.node(fresh.nodes.best(rng))?.name as string);
          placed.push(asked.metadata.uid as string);
        } else if (dice < 0.8 && placed.length > 0) snapshot.removePod(placed.splice(0, 1)[0] as string);
        else if (dice < 0.85) snapshot.nominations.set(pod(`w${step}`, '1', { priority: 2 }), `n${step % 8}`);
        else if (dice < 0.88) snapshot.updateNode(node('n1', pick(rng, ['1', '4'])));
      }
    }
    expect(recalled).toBeGreaterThan(100);
  });

  it('lets other nodes have their turn after as many pods as there are nodes in it', () => {
    const snapshot = new Snapshot();
    for (let i = 0; i < 200; i++) snapshot.updateNode(node(`n${i}`, '4'));
    const memory = new WindowMemory();
    const evaluated = Array.from({ length: 102 }, (_, i) => {
      const window = windowFor({ profile, memory }, new Evaluation(profile.at.filter, snapshot, pod(`p${i}`, '1')), 0);
      return window.evaluated;
    });
    expect(evaluated.filter((count) => count > 1)).toEqual([100, 100]);
  });
});
