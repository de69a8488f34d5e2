import { beforeAll, describe, expect, it } from 'vitest';
import type { Gateway, GRPCRoute, HTTPRoute } from '../../src/ingress/gateway/types.ts';
import { type Ask, ask } from '../../src/ingress/haproxy-harness.ts';
import { pairs, tlsSecret } from '../../src/ingress/ingress-fixtures.ts';
import { type Kubectl, kubectlIn } from './kubectl.ts';
import { listOf, service, webDeployment } from './manifests.ts';
import { until } from './until.ts';

const apiVersion = 'gateway.networking.k8s.io/v1';
const host = 'one.example.com';
const gateway = {
  apiVersion,
  kind: 'Gateway',
  metadata: { name: 'gate' },
  spec: {
    gatewayClassName: 'knarr',
    listeners: [
      { name: 'http', port: 80, protocol: 'HTTP' },
      { name: 'https', port: 8443, protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'cert' }] } },
    ],
  },
};
const ref = (name: string, weight = 1) => ({ name, port: 80, weight });
const route = (name: string, rules: object[], hostnames = [host]) => ({
  apiVersion,
  kind: 'HTTPRoute',
  metadata: { name },
  spec: { parentRefs: [{ name: 'gate' }], hostnames, rules },
});
const secret = (pair: { crt: string; key: string }) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  ...tlsSecret('cert', pair, 'gateway'),
});

let kubectl: Kubectl;
let address: string;
/** The deployment whose pod answers, or the status that is answered with. */
const answer = async (options: Ask = {}): Promise<string> => {
  const { status, body } = await ask('/', { address, host, ...options });
  return status === 200 ? (body.split('-')[0] ?? '') : String(status);
};
const tls = { port: 8443, sni: host };
const apply = (...items: object[]) => kubectl.ok(['apply', '-f', '-'], { input: listOf(items) });
const condition = (route: GRPCRoute | HTTPRoute, type: string) =>
  route.status?.parents?.[0]?.conditions?.find((c) => c.type === type)?.reason;

beforeAll(async () => {
  kubectl = await kubectlIn('gateway');
  const names = ['blue', 'green'];
  const services = names.map((app) => service(app, { selector: { app }, ports: [{ port: 80, targetPort: 8080 }] }));
  const deployments = names.map((name) => webDeployment(name, 1));
  const rules = [
    { matches: [{ headers: [{ name: 'x-to', value: 'green' }] }], backendRefs: [ref('green')] },
    { matches: [{ path: { value: '/' } }], backendRefs: [ref('blue', 3), ref('green', 1)] },
  ];
  const moved = { type: 'RequestRedirect', requestRedirect: { scheme: 'https', hostname: host, port: 8443 } };
  const routes = [route('web', rules), route('moved', [{ filters: [moved] }], ['old.example.com'])];
  await apply(...deployments, ...services, secret(pairs.one), gateway, ...routes);
  for (const name of names) await kubectl.ok(['rollout', 'status', `deployment/${name}`]);
  const isUp = (o: Gateway) =>
    o.status?.conditions?.some((c) => c.type === 'Programmed' && c.status === 'True') ?? false;
  const { status } = await until<Gateway>(kubectl, 'gateway/gate', isUp);
  address = status?.addresses?.[0]?.value ?? '';
});

describe('a Gateway', () => {
  it('sends requests by weights and headers', async () => {
    await expect.poll(() => answer().catch(String), { timeout: 60_000 }).toMatch(/blue|green/);
    const counts: Record<string, number> = {};
    for (let i = 0; i < 40; i++) {
      const name = await answer();
      counts[name] = (counts[name] ?? 0) + 1;
    }
    expect(Object.keys(counts).sort()).toEqual(['blue', 'green']);
    expect(Math.abs((counts.green ?? 0) - 10)).toBeLessThanOrEqual(2);
    for (let i = 0; i < 4; i++) expect(await answer({ headers: { 'x-to': 'green' } })).toBe('green');
    expect(await answer({ host: 'else.example.com' })).toBe('404');
  });

  it('copies requests, and changes what goes to single backends', async () => {
    const set = (value: string) => [
      { type: 'ResponseHeaderModifier', responseHeaderModifier: { set: [{ name: 'x-by', value }] } },
    ];
    const mirror = { type: 'RequestMirror', requestMirror: { backendRef: { name: 'green', port: 80 }, percent: 100 } };
    const backendRefs = [
      { ...ref('blue'), filters: set('one') },
      { ...ref('blue'), filters: set('two') },
    ];
    await apply(route('copied', [{ filters: [mirror], backendRefs }], ['copied.example.com']));
    const shown = async () => {
      const { status, headers, body } = await ask('/', { address, host: 'copied.example.com' });
      return `${status} ${body.split('-')[0]} ${headers['x-by']}`;
    };
    await expect.poll(shown, { timeout: 60_000 }).toBe('200 blue one');
    await expect.poll(shown, { timeout: 60_000 }).toBe('200 blue two');
    // The copies come by the proxy's Lua, which the image has to be able to load.
    const { items } = JSON.parse(await kubectl.ok(['-n', 'kube-system', 'get', 'secrets', '-o', 'json'])) as {
      items: { metadata: { name: string }; data?: Record<string, string> }[];
    };
    const files = items.find(({ metadata }) => metadata.name.startsWith('gateway-gateway-gate'))?.data ?? {};
    expect(Object.keys(files)).toContain('mirror.lua');
  });

  it('says of a GRPCRoute that it is served', async () => {
    const rules = [{ matches: [{ method: { service: 'a.B' } }], backendRefs: [ref('blue')] }];
    await apply({ ...route('calls', rules, ['calls.example.com']), kind: 'GRPCRoute' });
    const served = await until<GRPCRoute>(kubectl, 'grpcroute/calls', (o) => condition(o, 'Accepted') !== undefined);
    expect([condition(served, 'Accepted'), condition(served, 'ResolvedRefs')]).toEqual(['Accepted', 'ResolvedRefs']);
  });

  it('redirects, and serves TLS on a port of its choice', async () => {
    const { status, headers } = await ask('/?a=b', { address, host: 'old.example.com' });
    expect([status, headers.location]).toEqual([302, `https://${host}:8443/?a=b`]);
    const { certificate } = await ask('/', { address, host, ...tls });
    expect(certificate).toBe('one');
  });

  it('loses no request while a certificate is replaced', async () => {
    const lost: string[] = [];
    const state = { asked: 0, isDone: false };
    const askOn = async (options: Ask) => {
      while (!state.isDone) {
        const got = await answer(options).catch(String);
        if (!/blue|green/.test(got)) lost.push(got);
        state.asked++;
      }
    };
    const clients = [askOn({}), askOn(tls)];
    await apply(secret(pairs.two));
    const shown = async () => (await ask('/', { address, host, ...tls })).certificate;
    await expect.poll(shown, { timeout: 60_000 }).toBe('two');
    state.isDone = true;
    await Promise.all(clients);
    expect(lost).toEqual([]);
    expect(state.asked).toBeGreaterThan(10);
  });

  it('says what a route lacks, and answers 500 for its share until it is there', async () => {
    await apply(route('web', [{ backendRefs: [ref('none')] }]));
    const broken = await until<HTTPRoute>(
      kubectl,
      'httproute/web',
      (o) => condition(o, 'ResolvedRefs') !== 'ResolvedRefs',
    );
    expect([condition(broken, 'Accepted'), condition(broken, 'ResolvedRefs')]).toEqual(['Accepted', 'BackendNotFound']);
    await expect.poll(() => answer(), { timeout: 60_000 }).toBe('500');
    await apply(service('none', { selector: { app: 'blue' }, ports: [{ port: 80, targetPort: 8080 }] }));
    await expect.poll(() => answer(), { timeout: 60_000 }).toBe('blue');
    await kubectl.ok(['scale', 'deployment', 'blue', '--replicas', '0']);
    await expect.poll(() => answer(), { timeout: 60_000 }).toBe('503');
  });

  it('is listed with its class and address, and takes its proxy with it', async () => {
    const [, line = ''] = (await kubectl.ok(['get', 'gateways'])).split('\n');
    expect(line).toMatch(new RegExp(`^gate +knarr +${address.replaceAll('.', '\\.')} +True +`));
    await kubectl.ok(['delete', 'gateway', 'gate']);
    await expect
      .poll(() => kubectl.ok(['-n', 'kube-system', 'get', 'deployment,service,secret,pod', '-o', 'name']), {
        timeout: 60_000,
      })
      .not.toContain('gateway-gateway-gate');
  });
});
