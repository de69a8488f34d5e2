import { beforeAll, describe, expect, it } from 'vitest';
import type { EndpointSlice, Node, Pod, Service } from '../../src/api/generated/types.ts';
import { type Kubectl, kubectlIn } from './kubectl.ts';
import { demo, deployment, listOf, pod, service, sh } from './manifests.ts';

const labels = { app: 'web' };
const nodePort = 30_777;
const objects = [
  deployment('web', 2, {
    terminationGracePeriodSeconds: 1,
    containers: [
      {
        name: 'c',
        image: demo,
        ports: [{ name: 'http', containerPort: 8080 }],
        readinessProbe: { httpGet: { path: '/healthz', port: 'http' }, periodSeconds: 1 },
      },
    ],
  }),
  service('web', { selector: labels, ports: [{ port: 80, targetPort: 'http' }] }),
  service('sticky', { selector: labels, sessionAffinity: 'ClientIP', ports: [{ port: 80, targetPort: 8080 }] }),
  service('open', { type: 'NodePort', selector: labels, ports: [{ port: 80, targetPort: 8080, nodePort }] }),
  service('headless', { clusterIP: 'None', selector: labels, ports: [{ name: 'http', port: 80, targetPort: 'http' }] }),
  service('nobody', { selector: { app: 'nobody' }, ports: [{ port: 80 }] }),
  service('elsewhere', { type: 'ExternalName', externalName: 'web.network.svc.cluster.local' }),
  pod(
    'client',
    {
      hostname: 'one',
      subdomain: 'named',
      hostAliases: [{ ip: '10.1.2.3', hostnames: ['alias', 'alias.example'] }],
      dnsConfig: { options: [{ name: 'ndots', value: '4' }], searches: ['more.example'] },
      containers: [sh('c', 'sleep 3600')],
    },
    { labels: { app: 'client' } },
  ),
  service('named', { clusterIP: 'None', selector: { app: 'client' }, ports: [{ port: 80 }] }),
  pod('on-host', { hostNetwork: true, containers: [sh('c', 'sleep 3600')] }),
  pod('exposed', { containers: [{ name: 'c', image: demo, ports: [{ containerPort: 8080, hostPort: 30_778 }] }] }),
];

let kubectl: Kubectl;
let webPods: string[];
const inClient = (script: string) => kubectl.ok(['exec', 'client', '--', 'sh', '-c', script]);
const addresses = (answer: string) => [...answer.matchAll(/^Address: ([\d.]+)$/gm)].map(([, ip]) => ip).sort();

beforeAll(async () => {
  kubectl = await kubectlIn('network');
  await kubectl.ok(['apply', '-f', '-'], { input: listOf(objects) });
  await kubectl.ok(['wait', '--for=condition=Ready', 'pod', '--all', '--timeout=60s']);
  await kubectl.ok(['rollout', 'status', 'deploy/web', '--timeout=60s']);
  const { items } = await kubectl.object<{ items: Pod[] }>('pods', '-l', 'app=web');
  webPods = items.map(({ metadata }) => metadata.name).sort();
  return async () => {
    await kubectl.ok(['delete', 'namespace', 'network', '--wait=false']);
  };
});

describe('names', () => {
  it('of a Service: short, with its namespace, and whole', async () => {
    const { spec } = await kubectl.object<Service>('service', 'web');
    for (const name of ['web', 'web.network', 'web.network.svc.cluster.local'])
      expect(webPods).toContain((await inClient(`wget -qO- http://${name}/`)).trim());
    expect(addresses(await inClient('nslookup web.network.svc.cluster.local'))).toEqual([spec.clusterIP]);
  });

  it('of a headless Service: the addresses of its pods', async () => {
    const { items } = await kubectl.object<{ items: Pod[] }>('pods', '-l', 'app=web');
    const ips = items.map(({ status }) => status.podIP).sort();
    expect(addresses(await inClient('nslookup headless.network.svc.cluster.local'))).toEqual(ips);
  });

  it('of a pod with a hostname and a subdomain', async () => {
    const { status } = await kubectl.object<Pod>('pod', 'client');
    expect(addresses(await inClient('nslookup one.named.network.svc.cluster.local'))).toEqual([status.podIP]);
    expect(await inClient('hostname -f')).toBe('one.named.network.svc.cluster.local\n');
  });

  it('of something else', async () => {
    expect(await inClient('nslookup elsewhere.network.svc.cluster.local')).toContain(
      'elsewhere.network.svc.cluster.local\tcanonical name = web.network.svc.cluster.local',
    );
    expect((await kubectl(['exec', 'client', '--', 'nslookup', 'nosuch.network.svc.cluster.local'])).stdout).toContain(
      'NXDOMAIN',
    );
  });

  it('are configured in the pod as its spec says', async () => {
    expect(await inClient('cat /etc/resolv.conf')).toMatch(
      /^search network\.svc\.cluster\.local svc\.cluster\.local cluster\.local more\.example\nnameserver [\d.]+\noptions ndots:4\n$/,
    );
    expect(await inClient('cat /etc/hosts')).toContain('10.1.2.3\talias\talias.example\n');
  });
});

describe('services', () => {
  it('spread connections over the pods', async () => {
    const answers = (await inClient('for i in $(seq 30); do wget -qO- http://web/; done')).trim().split('\n');
    expect([...new Set(answers)].sort()).toEqual(webPods);
  });

  it('keep a client on one pod, where asked', async () => {
    const answers = (await inClient('for i in $(seq 10); do wget -qO- http://sticky/; done')).trim().split('\n');
    expect(answers).toHaveLength(10);
    expect(new Set(answers).size).toBe(1);
  });

  it('are reached from this machine: by their address, and by the node on a port', async () => {
    const { spec } = await kubectl.object<Service>('service', 'web');
    const { status } = await kubectl.object<Node>('node', 'node1');
    const node = status.addresses?.find(({ type }) => type === 'InternalIP')?.address;
    for (const url of [`http://${spec.clusterIP}/`, `http://${node}:${nodePort}/`])
      expect(webPods).toContain((await (await fetch(url)).text()).trim());
  });

  it('a port of the node can be a pod', async () => {
    const { status } = await kubectl.object<Pod>('pod', 'exposed');
    expect((await (await fetch(`http://${status.hostIP}:30778/`)).text()).trim()).toBe('exposed');
  });

  it('without endpoints refuse at once', async () => {
    const refused = await kubectl(['exec', 'client', '--', 'wget', '-qO-', 'http://nobody/']);
    expect(refused.stderr).toContain('Connection refused');
  });

  it('know their pods by endpoint slices', async () => {
    const slices = await kubectl.object<{ items: EndpointSlice[] }>(
      'endpointslices',
      '-l',
      'kubernetes.io/service-name=web',
    );
    const endpoints = slices.items.flatMap(({ endpoints: all }) => all ?? []);
    expect(endpoints.map(({ targetRef }) => targetRef?.name).sort()).toEqual(webPods);
    expect(endpoints.every(({ conditions, nodeName }) => conditions?.ready && nodeName === 'node1')).toBe(true);
  });

  it("a pod on the node's network has the node's address", async () => {
    const { status } = await kubectl.object<Pod>('pod', 'on-host');
    expect(status.podIP).toBe(status.hostIP);
    expect(await kubectl.ok(['exec', 'on-host', '--', 'ip', '-o', '-4', 'addr'])).toContain(`inet ${status.hostIP}/`);
  });
});
