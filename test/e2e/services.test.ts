import { beforeAll, describe, expect, it } from 'vitest';
import type { Endpoints, EndpointSlice, Node, Pod, Service } from '../../src/api/generated/types.ts';
import { type Kubectl, kubectlIn, proxyOf } from './kubectl.ts';
import { listOf, machine, nodeScript, pod, service, sh } from './manifests.ts';
import { until } from './until.ts';

const namespace = 'services';
/** Says its name on two ports as a page, and on a third to whom sends a packet. */
const says = ['mkdir /w; hostname >/w/index.html', 'httpd -p 8081 -h /w', 'exec httpd -f -p 8080 -h /w'].join('; ');
const saysByUdp = `
  const socket = require('dgram').createSocket('udp4');
  socket.on('message', (_, { port, address }) => socket.send(require('os').hostname(), port, address));
  socket.bind(8082);`;
/** Says what it was asked. */
const saysWhat = `
  require('http').createServer((request, response) => {
    response.setHeader('x-method', request.method);
    response.end(request.method + ' ' + request.url);
  }).listen(8080);`;
const speaker = (name: string, labels: object = { app: 'web' }, more: object = {}) =>
  pod(
    name,
    {
      containers: [
        sh('c', says, {
          ports: [
            { name: 'http', containerPort: 8080 },
            { name: 'more', containerPort: 8081 },
          ],
          readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 1 },
        }),
        nodeScript('udp', saysByUdp, { ports: [{ name: 'udp', containerPort: 8082, protocol: 'UDP' }] }),
      ],
      volumes: [machine],
      ...more,
    },
    { labels },
  );

const slice = (name: string, of: string, address: string, ports: object[]) => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name, labels: { 'kubernetes.io/service-name': of } },
  addressType: 'IPv4',
  endpoints: [{ addresses: [address], conditions: { ready: true } }],
  ports,
});

const selector = { app: 'web' };
const asking = {
  containers: [
    sh('c', 'exec sleep 3600', { volumeMounts: [{ name: 'machine', mountPath: '/machine', readOnly: true }] }),
  ],
  volumes: [machine],
};
const objects = [
  speaker('one'),
  speaker('two'),
  pod('client', asking),
  pod('on-node', { hostNetwork: true, ...asking }),
  pod('porter', { containers: [nodeScript('c', saysWhat)], volumes: [machine] }, { labels: { app: 'porter' } }),
  service('porter', { selector: { app: 'porter' }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] }),
  service('web', { selector, ports: [{ port: 80, targetPort: 'http' }] }),
  service('ports', {
    selector,
    ports: [
      { name: 'a', port: 80, targetPort: 'http' },
      { name: 'b', port: 81, targetPort: 'more' },
    ],
  }),
  service('protocols', {
    selector,
    ports: [
      { name: 't', port: 80, targetPort: 8080, protocol: 'TCP' },
      { name: 'u', port: 80, targetPort: 8082, protocol: 'UDP' },
    ],
  }),
  service('sticky', { type: 'NodePort', selector, ports: [{ port: 80, targetPort: 8080 }] }),
  service('turns', { type: 'ExternalName', externalName: 'web.services.svc.cluster.local' }),
  service('by-hand', { ports: [{ name: 'a', port: 80 }] }),
  service('by-hand-ports', {
    ports: [
      { name: 'a', port: 80 },
      { name: 'b', port: 81 },
    ],
  }),
  service('of-nobody', { selector: { app: 'nobody' }, ports: [{ port: 80 }] }),
  service('coming', { selector: { app: 'coming' }, ports: [{ port: 80, targetPort: 8080 }] }),
];

let kubectl: Kubectl;
let nodeAddress: string;
const addressOf: Record<string, string> = {};
const from = (client: string, script: string) => kubectl.ok(['exec', client, '--', 'sh', '-c', script]);
const page = (url: string) => `timeout 5 wget -qO- http://${url}/`;
/** Sends one packet and shows the one that comes back. */
const askByUdp = `
  const socket = require('dgram').createSocket('udp4');
  socket.on('message', (answer) => { console.log(String(answer)); socket.close(); });
  socket.send('who?', Number(process.argv[2]), process.argv[1]);
  setTimeout(() => process.exit(), 2000).unref();`.replaceAll('\n', ' ');
const packet = (address: string, port: number) =>
  `chroot /machine ${process.execPath} -e "${askByUdp}" ${address} ${port}`;
/** Who answers when asked so often. */
const answers = async (ask: string, times = 12) => [
  ...new Set((await from('client', `for i in $(seq ${times}); do ${ask}; done`)).trim().split('\n')),
];
/** Asks until these are the ones that answer, all of them; who does not answer yet is asked again. */
async function untilAnswered(client: string, ask: string, by: readonly string[]): Promise<void> {
  const all = by.map((name) => `grep -q "^${name}$" /tmp/seen`).join(' && ');
  await from(client, `until { ${ask}; } >>/tmp/seen 2>/dev/null; ${all}; do sleep 0.1; done; rm /tmp/seen`);
}

beforeAll(async () => {
  kubectl = await kubectlIn(namespace);
  await kubectl.ok(['apply', '-f', '-'], { input: listOf(objects) });
  await kubectl.ok(['wait', '--for=condition=Ready', 'pod', '--all', '--timeout=60s']);
  const { items } = await kubectl.object<{ items: Pod[] }>('pods');
  for (const { metadata, status } of items) addressOf[metadata.name] = status.podIP ?? '';
  const [node] = (await kubectl.object<{ items: Node[] }>('nodes')).items;
  nodeAddress = node?.status?.addresses?.find(({ type }) => type === 'InternalIP')?.address ?? '';
  return async () => {
    await kubectl.ok(['delete', 'namespace', namespace, '--wait=false']);
  };
});

describe('a pod is reached by its address', () => {
  it('from a pod and from its node, page and packet', async () => {
    for (const client of ['client', 'on-node']) {
      expect(await from(client, page(`${addressOf.one}:8080`))).toBe('one\n');
      expect(await from(client, packet(addressOf.two ?? '', 8082))).toBe('two\n');
    }
  });
});

describe('a service', () => {
  it('has several ports, each one of its pods', async () => {
    for (const port of [80, 81]) await untilAnswered('client', page(`ports:${port}`), ['one', 'two']);
  });

  it('has one port for two protocols', async () => {
    await untilAnswered('client', page('protocols'), ['one', 'two']);
    const { spec } = await kubectl.object<Service>('service', 'protocols');
    await untilAnswered('client', packet(spec.clusterIP ?? '', 80), ['one', 'two']);
  });

  it('follows its pods as they come and go', async () => {
    await kubectl.ok(['apply', '-f', '-'], { input: JSON.stringify(speaker('first', { app: 'coming' })) });
    await untilAnswered('client', page('coming'), ['first']);
    await kubectl.ok(['apply', '-f', '-'], { input: JSON.stringify(speaker('second', { app: 'coming' })) });
    await untilAnswered('client', page('coming'), ['first', 'second']);
    await kubectl.ok(['delete', 'pod', 'first']);
    const known = ({ subsets }: Endpoints) =>
      subsets?.flatMap(({ addresses }) => addresses?.map((a) => a.targetRef?.name));
    await until<Endpoints>(kubectl, 'endpoints/coming', (e) => known(e)?.join() === 'second');
    await untilAnswered('client', page('coming'), ['second']);
    expect(await answers(page('coming'))).toEqual(['second']);
    await kubectl.ok(['delete', 'pod', 'second']);
    await until<Endpoints>(kubectl, 'endpoints/coming', (e) => !known(e)?.length);
  });

  it('has its endpoints soon, also when it is one of two hundred', async () => {
    const many = Array.from({ length: 200 }, (_, i) =>
      service(`many-${i}`, { selector: { app: 'porter' }, ports: [{ port: 80, targetPort: 8080 }] }),
    );
    await kubectl.ok(['create', '-f', '-'], { input: listOf(many) });
    const createdMs = Date.now();
    const served = async () => {
      const { items } = await kubectl.object<{ items: EndpointSlice[] }>('endpointslices');
      const isServed = (s: EndpointSlice) => s.metadata.name.startsWith('many-') && s.endpoints?.[0]?.conditions?.ready;
      return items.filter(isServed).length;
    };
    await expect.poll(served, { timeout: 20_000, interval: 500 }).toBe(200);
    expect(Date.now() - createdMs).toBeLessThan(20_000);
  });

  it('that selects nobody has an empty slice, and both go with it', async () => {
    await until<Service>(kubectl, 'service/of-nobody', () => true);
    const of = ['endpointslices', '-l', 'kubernetes.io/service-name=of-nobody'];
    const { items } = await kubectl.object<{ items: EndpointSlice[] }>(...of);
    expect(items.map(({ endpoints }) => endpoints ?? [])).toEqual([[]]);
    expect((await kubectl.object<Endpoints>('endpoints', 'of-nobody')).subsets).toBeUndefined();
    await kubectl.ok(['delete', 'service', 'of-nobody']);
    await kubectl.ok(['wait', '--for=delete', ...of, '--timeout=30s']);
    await kubectl.ok(['wait', '--for=delete', 'endpoints/of-nobody', '--timeout=30s']);
    expect(await kubectl.ok(['get', ...of, '-o', 'name'])).toBe('');
  });

  it('of which the endpoints are written by hand has those of all its slices', async () => {
    const a = [{ name: 'a', port: 8080 }];
    const b = [{ name: 'b', port: 8081 }];
    const slices = [
      slice('by-hand-1', 'by-hand', addressOf.one ?? '', a),
      slice('by-hand-2', 'by-hand', addressOf.two ?? '', a),
      slice('by-hand-ports-1', 'by-hand-ports', addressOf.one ?? '', a),
      slice('by-hand-ports-2', 'by-hand-ports', addressOf.two ?? '', b),
    ];
    await kubectl.ok(['apply', '-f', '-'], { input: listOf(slices) });
    await untilAnswered('client', page('by-hand'), ['one', 'two']);
    await untilAnswered('client', page('by-hand-ports:80'), ['one']);
    await untilAnswered('client', page('by-hand-ports:81'), ['two']);
    expect(await answers(page('by-hand-ports:80'))).toEqual(['one']);
    expect(await answers(page('by-hand-ports:81'))).toEqual(['two']);
  });

  it('keeps a client on one pod once that is switched on, and no longer when it is off', async () => {
    const { spec } = await kubectl.object<Service>('service', 'sticky');
    const ways = [page('sticky'), page(`${nodeAddress}:${spec.ports?.[0]?.nodePort}`)];
    for (const way of ways) await untilAnswered('client', way, ['one', 'two']);
    await kubectl.ok(['patch', 'service', 'sticky', '-p', '{"spec":{"sessionAffinity":"ClientIP"}}']);
    for (const way of ways) await expect.poll(() => answers(way), { timeout: 20_000 }).toHaveLength(1);
    await kubectl.ok(['patch', 'service', 'sticky', '-p', '{"spec":{"sessionAffinity":"None"}}']);
    for (const way of ways) await untilAnswered('client', way, ['one', 'two']);
  });

  it('turns from a name elsewhere into an address, a port of the node, and back', async () => {
    const turn = (spec: object) =>
      kubectl.ok(['patch', 'service', 'turns', '--type=merge', '-p', JSON.stringify({ spec })]);
    const canonical = 'until nslookup -type=cname turns.services.svc.cluster.local | grep -q "canonical name = web"';
    await from('client', `${canonical}; do sleep 0.1; done`);
    const ports = [{ port: 80, targetPort: 8080 }];
    await turn({ type: 'ClusterIP', externalName: null, selector, ports });
    await untilAnswered('client', page('turns'), ['one', 'two']);
    await turn({
      type: 'ExternalName',
      externalName: 'web.services.svc.cluster.local',
      clusterIP: null,
      clusterIPs: null,
    });
    expect((await kubectl.object<Service>('service', 'turns')).spec.clusterIP).toBeUndefined();
    await from('client', `${canonical}; do sleep 0.1; done`);
    await turn({ type: 'NodePort', externalName: null });
    const { spec } = await kubectl.object<Service>('service', 'turns');
    await untilAnswered('client', page(`${nodeAddress}:${spec.ports?.[0]?.nodePort}`), ['one', 'two']);
    await turn({
      type: 'ExternalName',
      externalName: 'web.services.svc.cluster.local',
      clusterIP: null,
      clusterIPs: null,
      ports: [{ port: 80, targetPort: 8080, nodePort: null }],
    });
    await from('client', `${canonical}; do sleep 0.1; done`);
  });
});

describe('the API server', () => {
  it('hands on what is asked of a pod or of a service', async () => {
    const raw = (path: string) => kubectl.ok(['get', '--raw', `/api/v1/namespaces/${namespace}/${path}`]);
    expect(await raw('pods/one:8080/proxy/')).toBe('one\n');
    expect(await raw('pods/http:two:8081/proxy/index.html')).toBe('two\n');
    expect(['one\n', 'two\n']).toContain(await raw('services/ports:a/proxy/'));
    expect(['one\n', 'two\n']).toContain(await raw('services/http:ports:b/proxy/index.html'));
    expect(['one\n', 'two\n']).toContain(await raw('services/web/proxy/'));
  });

  it.each(['pods/porter:8080', 'services/porter:http', 'services/http:porter:80'])(
    'hands on every method, with and without a path, to %s',
    async (target) => {
      await untilAnswered('client', page('porter'), ['GET /']);
      const { address, proxy } = await proxyOf(kubectl);
      const base = `http://${address}/api/v1/namespaces/${namespace}/${target}/proxy`;
      for (const path of ['/', '/some/path/with/words?and=query']) {
        for (const method of ['DELETE', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'GET']) {
          const answer = await fetch(`${base}${path}`, { method });
          expect([answer.status, await answer.text()]).toEqual([200, `${method} ${path}`]);
        }
        const head = await fetch(`${base}${path}`, { method: 'HEAD' });
        expect([head.status, head.headers.get('x-method'), await head.text()]).toEqual([200, 'HEAD', '']);
      }
      for (const method of ['GET', 'HEAD']) {
        const moved = await fetch(base, { method, redirect: 'manual' });
        expect([moved.status, moved.headers.get('location')?.endsWith('/proxy/')]).toEqual([301, true]);
      }
      await proxy.stop();
    },
  );

  it('is among the endpoints', async () => {
    const of = ['-n', 'default', '-l', 'kubernetes.io/service-name=kubernetes'];
    const { items } = await kubectl.object<{ items: EndpointSlice[] }>('endpointslices', ...of);
    const { subsets } = await kubectl.object<Endpoints>('endpoints', 'kubernetes', '-n', 'default');
    const addresses = items.flatMap(({ endpoints }) => (endpoints ?? []).flatMap((e) => e.addresses));
    expect(addresses.length).toBeGreaterThan(0);
    expect(subsets?.flatMap((s) => s.addresses?.map(({ ip }) => ip))).toEqual(addresses);
    const [port] = items[0]?.ports ?? [];
    expect(port).toMatchObject({ name: 'https', protocol: 'TCP' });
    expect(await from('client', `nc -w 5 ${addresses[0]} ${port?.port} -e true && echo open`)).toBe('open\n');
  });
});

describe('a port of the node', () => {
  it('may be that of several pods, by address and protocol', async () => {
    const exposed = (name: string, port: object) =>
      pod(name, {
        containers: [sh('c', says, { ports: [{ hostPort: 54_323, ...port }] }), nodeScript('udp', saysByUdp)],
        volumes: [machine],
      });
    const pods = [
      exposed('host-port-loopback', { containerPort: 8080, hostIP: '127.0.0.1' }),
      exposed('host-port-node', { containerPort: 8080, hostIP: nodeAddress }),
      exposed('host-port-udp', { containerPort: 8082, hostIP: nodeAddress, protocol: 'UDP' }),
    ];
    await kubectl.ok(['apply', '-f', '-'], { input: listOf(pods) });
    await kubectl.ok([
      'wait',
      '--for=condition=Ready',
      'pod/host-port-udp',
      'pod/host-port-node',
      'pod/host-port-loopback',
      '--timeout=60s',
    ]);
    await untilAnswered('on-node', page('127.0.0.1:54323'), ['host-port-loopback']);
    await untilAnswered('on-node', page(`${nodeAddress}:54323`), ['host-port-node']);
    await untilAnswered('on-node', packet(nodeAddress, 54_323), ['host-port-udp']);
  });
});

describe('names', () => {
  it('of a pod are in its own file of hosts', async () => {
    const named = speaker('named', { app: 'named' }, { hostname: 'querier', subdomain: 'web' });
    await kubectl.ok(['apply', '-f', '-'], { input: JSON.stringify(named) });
    await kubectl.ok(['wait', '--for=condition=Ready', 'pod/named', '--timeout=60s']);
    const { status } = await kubectl.object<Pod>('pod', 'named');
    expect(await from('named', 'grep querier /etc/hosts')).toBe(
      `${status.podIP}\tquerier.web.${namespace}.svc.cluster.local\tquerier\n`,
    );
  });

  it('of the cluster are known to a pod', async () => {
    expect(await from('client', 'nslookup kubernetes.default.svc.cluster.local')).toMatch(
      /Name:\tkubernetes\.default\.svc\.cluster\.local\nAddress: 10\.\d+\.0\.1\n/,
    );
  });
});
