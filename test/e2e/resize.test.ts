import { beforeAll, describe, expect, it } from 'vitest';
import type { Container, Pod, ResourceRequirements } from '../../src/api/generated/types.ts';
import { milliValue, wholeValue } from '../../src/api/meta/quantity.ts';
import { type Kubectl, kubectlIn } from './kubectl.ts';
import { listOf, pod, sh } from './manifests.ts';
import { until } from './until.ts';

const namespace = 'resize';
type Amounts = ResourceRequirements;
const amounts = (cpu: string, memory: string): Amounts => ({ requests: { cpu, memory }, limits: { cpu, memory } });
const upTo = (requests: [string, string], limits: [string, string]): Amounts => ({
  requests: { cpu: requests[0], memory: requests[1] },
  limits: { cpu: limits[0], memory: limits[1] },
});

interface Case {
  name: string;
  /** Of the containers in order: what they have, and what they are to have. */
  from: (Amounts | undefined)[];
  to: (Amounts | undefined)[];
}

const cases: Case[] = [
  {
    name: 'more-than-before',
    from: [amounts('20m', '32Mi'), amounts('20m', '32Mi'), amounts('20m', '64Mi')],
    to: [amounts('40m', '48Mi'), amounts('30m', '40Mi'), amounts('10m', '56Mi')],
  },
  {
    name: 'less-than-before',
    from: [amounts('20m', '32Mi'), amounts('30m', '64Mi'), amounts('30m', '64Mi')],
    to: [amounts('30m', '40Mi'), amounts('10m', '48Mi'), amounts('10m', '48Mi')],
  },
  {
    name: 'crosswise',
    from: [amounts('20m', '32Mi'), amounts('30m', '32Mi'), amounts('20m', '32Mi')],
    to: [amounts('40m', '32Mi'), amounts('10m', '48Mi'), amounts('30m', '40Mi')],
  },
  {
    name: 'burstable',
    from: [
      upTo(['10m', '16Mi'], ['20m', '32Mi']),
      upTo(['10m', '16Mi'], ['20m', '32Mi']),
      upTo(['20m', '24Mi'], ['40m', '48Mi']),
      { requests: { cpu: '10m', memory: '16Mi' } },
      { requests: { memory: '16Mi' } },
      {},
    ],
    to: [
      upTo(['20m', '24Mi'], ['40m', '48Mi']),
      upTo(['20m', '16Mi'], ['20m', '32Mi']),
      upTo(['10m', '16Mi'], ['20m', '40Mi']),
      upTo(['20m', '16Mi'], ['40m', '48Mi']),
      upTo(['10m', '24Mi'], ['20m', '32Mi']),
      { requests: { cpu: '10m', memory: '16Mi' } },
    ],
  },
  {
    name: 'equal',
    from: [upTo(['1m', '16Mi'], ['10m', '32Mi'])],
    to: [upTo(['2m', '16384Ki'], ['0.01', '33554432'])],
  },
];

const containersOf = (all: (Amounts | undefined)[]) =>
  all.map((resources, i) => sh(`c${i}`, 'exec sleep 3600', { resources }));

/** As the kernel has them, on control groups of either version: the share of a processor in µs of 100 ms, and bytes. */
const look = [
  'cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null || cut -d" " -f1 /sys/fs/cgroup/cpu.max',
  'cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max',
].join('; ');
let kubectl: Kubectl;
beforeAll(async () => {
  kubectl = await kubectlIn(namespace);
  const pods = cases.map(({ name, from }) => pod(name, { containers: containersOf(from) }));
  await kubectl.ok(['apply', '-f', '-'], { input: listOf(pods) });
  await kubectl.ok(['wait', '--for=condition=Ready', 'pod', '--all', '--timeout=120s']);
  return async () => {
    await kubectl.ok(['delete', 'namespace', namespace, '--wait=false']);
  };
});

/** Every container has what it is to have: in the pod's status, and in the kernel. None was started again. */
async function expectResized({ name, to }: Case): Promise<void> {
  const has = (p: Pod) =>
    to.every((wanted, i) => {
      const { requests, limits } = p.status.containerStatuses?.find((c) => c.name === `c${i}`)?.resources ?? {};
      const isSame = (a?: string, b?: string) =>
        a === undefined ? b === undefined : b !== undefined && milliValue(a) === milliValue(b);
      return isSame(wanted?.limits?.['cpu'], limits?.['cpu']) && isSame(wanted?.requests?.['cpu'], requests?.['cpu']);
    });
  const isSettled = (p: Pod) => !p.status.conditions?.some(({ type }) => type.startsWith('PodResize'));
  const { status } = await until<Pod>(kubectl, `pod/${name}`, (p) => has(p) && isSettled(p));
  expect(status.containerStatuses?.map((c) => c.restartCount)).toEqual(to.map(() => 0));
  for (const [i, wanted] of to.entries()) {
    const { cpu, memory } = wanted?.limits ?? {};
    const said = await kubectl.ok(['exec', name, '-c', `c${i}`, '--', 'sh', '-c', look]);
    const [quota, limit] = said.trim().split('\n');
    if (cpu !== undefined) expect(Number(quota)).toBe(Math.max(milliValue(cpu) * 100, 1000));
    if (memory !== undefined) expect(Number(limit)).toBe(wholeValue(memory));
  }
}

describe('containers are given more and less while they run', () => {
  it.each(cases)('$name', async (one) => {
    const patch = JSON.stringify({
      spec: { containers: containersOf(one.to).map(({ name, resources }: Container) => ({ name, resources })) },
    });
    await kubectl.ok(['patch', 'pod', one.name, '--subresource=resize', '-p', patch]);
    await expectResized(one);
  });

  it('by a pod that is replaced as a whole', async () => {
    const current = await kubectl.object<Pod>('pod', 'equal');
    const to = [upTo(['3m', '20Mi'], ['15m', '40Mi'])];
    const containers = current.spec.containers.map((c) => ({ ...c, resources: to[0] }));
    const replaced = JSON.stringify({ ...current, spec: { ...current.spec, containers } });
    await kubectl.ok(['replace', '--subresource=resize', '-f', '-'], { input: replaced });
    await expectResized({ name: 'equal', from: [], to });
  });
});
