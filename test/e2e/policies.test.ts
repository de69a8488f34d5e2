import { beforeAll, describe, expect, it } from 'vitest';
import type { Node, Service } from '../../src/api/generated/types.ts';
import { type Kubectl, kubectlIn } from './kubectl.ts';
import { demo, listOf, pod, service, sh } from './manifests.ts';
import { until } from './until.ts';

/** Policies and load balancers where everything is real: the API, the node's agent, containers, this machine. */
const namespace = 'policies';
const web = (name: string, labels: object) =>
  pod(
    name,
    {
      containers: [
        {
          name: 'c',
          image: demo,
          ports: [{ name: 'http', containerPort: 8080 }],
          readinessProbe: { httpGet: { path: '/healthz', port: 'http' }, periodSeconds: 1 },
        },
      ],
    },
    { labels },
  );
const client = (name: string, labels: object) => pod(name, { containers: [sh('c', 'exec sleep 3600')] }, { labels });
const policy = (name: string, spec: object) => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name },
  spec,
});

const toWeb = { podSelector: { matchLabels: { app: 'web' } } };
const objects = [
  web('web', { app: 'web' }),
  service('web', { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }] }),
  client('friend', { role: 'friend' }),
  client('stranger', { role: 'stranger' }),
];

let kubectl: Kubectl;
let elsewhere: Kubectl;
const apply = (...all: object[]) => kubectl.ok(['apply', '-f', '-'], { input: listOf(all) });
const ask = 'timeout 2 wget -qO- http://web.policies/ 2>/dev/null';
const isAnswered = async (name: string, by = kubectl) =>
  (await by(['exec', name, '--', 'sh', '-c', ask])).stdout === 'web\n';
/** Who gets an answer, when it has come to that: a policy is there as soon as the node has seen it. */
const answered = async (): Promise<string[]> => {
  const asked = [['friend', kubectl] as const, ['stranger', kubectl] as const, ['visitor', elsewhere] as const];
  const all = await Promise.all(asked.map(async ([name, by]) => ((await isAnswered(name, by)) ? [name] : [])));
  return all.flat();
};
const comeToAnswer = (...names: string[]) => expect.poll(answered, { timeout: 30_000 }).toEqual(names);

beforeAll(async () => {
  kubectl = await kubectlIn(namespace);
  elsewhere = await kubectlIn(`${namespace}-elsewhere`);
  await apply(...objects);
  await elsewhere.ok(['apply', '-f', '-'], { input: JSON.stringify(client('visitor', { role: 'friend' })) });
  for (const one of [kubectl, elsewhere]) {
    await one.ok(['wait', '--for=condition=Ready', 'pod', '--all', '--timeout=60s']);
  }
  return async () => {
    await kubectl.ok(['delete', 'namespace', namespace, elsewhere.namespace, '--wait=false']);
  };
});

describe('a network policy', () => {
  it('that lets nobody in, lets nobody in; without one everybody comes in', async () => {
    await comeToAnswer('friend', 'stranger', 'visitor');
    await apply(policy('web', { ...toWeb, policyTypes: ['Ingress'] }));
    await comeToAnswer();
  });

  it('lets in whom it names: pods of the namespace, of others, or both', async () => {
    const friends = { podSelector: { matchLabels: { role: 'friend' } } };
    await apply(policy('web', { ...toWeb, ingress: [{ from: [friends] }] }));
    await comeToAnswer('friend');
    const there = { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': elsewhere.namespace } } };
    await apply(policy('web', { ...toWeb, ingress: [{ from: [{ ...there, ...friends }] }] }));
    await comeToAnswer('visitor');
    await apply(policy('web', { ...toWeb, ingress: [{ from: [friends, there] }] }));
    await comeToAnswer('friend', 'visitor');
    await kubectl.ok(['label', 'pod', 'stranger', 'role=friend', '--overwrite']);
    await comeToAnswer('friend', 'stranger', 'visitor');
    await kubectl.ok(['label', 'pod', 'stranger', 'role=stranger', '--overwrite']);
    await comeToAnswer('friend', 'visitor');
  });

  it('is about ports, by number and by name', async () => {
    await apply(policy('web', { ...toWeb, ingress: [{ ports: [{ port: 8081 }] }] }));
    await comeToAnswer();
    await apply(policy('web', { ...toWeb, ingress: [{ ports: [{ port: 'http' }] }] }));
    await comeToAnswer('friend', 'stranger', 'visitor');
    await kubectl.ok(['delete', 'networkpolicy', 'web']);
  });

  it('keeps in what must not go out, but for names', async () => {
    const dns = { ports: [{ port: 53, protocol: 'UDP' }] };
    const strangers = { podSelector: { matchLabels: { role: 'stranger' } }, policyTypes: ['Egress'] };
    await apply(policy('out', { ...strangers, egress: [dns] }));
    await comeToAnswer('friend', 'visitor');
    await apply(policy('out', { ...strangers, egress: [dns, { to: [toWeb] }] }));
    await comeToAnswer('friend', 'stranger', 'visitor');
    await kubectl.ok(['delete', 'networkpolicy', 'out']);
  });
});

describe('a load balancer', () => {
  const asked = async (address: string): Promise<string> => {
    try {
      return await (await fetch(`http://${address}/`, { signal: AbortSignal.timeout(2000) })).text();
    } catch (error) {
      return String(error);
    }
  };

  it('has an address that this machine and pods reach, only from where it says', async () => {
    await apply(
      service('balanced', {
        type: 'LoadBalancer',
        selector: { app: 'web' },
        ports: [{ port: 80, targetPort: 'http' }],
      }),
    );
    const addressOf = ({ status }: Service) => status?.loadBalancer?.ingress?.[0]?.ip;
    const address =
      addressOf(await until<Service>(kubectl, 'service/balanced', (s) => addressOf(s) !== undefined)) ?? '';
    expect(address).toMatch(/^172\.29\.\d+\.\d+$/);
    await expect.poll(() => asked(address), { timeout: 30_000 }).toBe('web\n');
    const inside = ['exec', 'friend', '--', 'timeout', '5', 'wget', '-qO-', `http://${address}/`];
    expect(await kubectl.ok(inside)).toBe('web\n');
    const from = (ranges: string[] | null) =>
      kubectl.ok([
        'patch',
        'service',
        'balanced',
        '-p',
        JSON.stringify({ spec: { loadBalancerSourceRanges: ranges } }),
      ]);
    await from(['203.0.113.0/24']);
    await expect.poll(() => asked(address), { timeout: 30_000 }).not.toBe('web\n');
    await from(null);
    await expect.poll(() => asked(address), { timeout: 30_000 }).toBe('web\n');
  });

  it('goes with its Service, and its address is another one’s', async () => {
    const { status } = await kubectl.object<Service>('service', 'balanced');
    const address = status?.loadBalancer?.ingress?.[0]?.ip ?? '';
    await kubectl.ok(['delete', 'service', 'balanced']);
    await expect.poll(() => asked(address), { timeout: 30_000 }).not.toBe('web\n');
    const [node] = (await kubectl.object<{ items: Node[] }>('nodes')).items;
    expect(node?.status?.addresses?.map((a) => a.address)).not.toContain(address);
  });
});
