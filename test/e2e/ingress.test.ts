import { Agent } from 'node:http';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Ingress } from '../../src/api/generated/types.ts';
import { type Ask, ask } from '../../src/ingress/haproxy-harness.ts';
import { pairs, tlsSecret } from '../../src/ingress/ingress-fixtures.ts';
import { type Kubectl, kubectlIn } from './kubectl.ts';
import { listOf, service, webDeployment } from './manifests.ts';
import { until } from './until.ts';

const host = 'one.example.com';
const secret = (pair: { crt: string; key: string }) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  ...tlsSecret('cert', pair, 'ingress'),
});
const rule = (of: string, name: string) => ({
  host: of,
  http: { paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name, port: { number: 80 } } } }] },
});
const shop = { host: 'a.shop.example.com' };

let kubectl: Kubectl;
let address: string;
/** The deployment whose pod answers, or the status that is answered with. */
const answer = async (url: string, options: Ask = {}): Promise<string> => {
  const { status, body } = await ask(url, { address, host, ...options });
  return status === 200 ? (body.split('-')[0] ?? '') : String(status);
};
const tls = { port: 443, sni: host };
const certificate = async () => (await ask('/', { address, host, ...tls })).certificate;
const apply = (...items: object[]) => kubectl.ok(['apply', '-f', '-'], { input: listOf(items) });

beforeAll(async () => {
  kubectl = await kubectlIn('ingress');
  const port = { ports: [{ port: 80, targetPort: 8080 }] };
  const services = ['front', 'shop'].map((app) => service(app, { selector: { app }, ...port }));
  await apply(webDeployment('front', 2), webDeployment('shop', 1), ...services, secret(pairs.one), {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name: 'web' },
    spec: {
      tls: [{ hosts: [host], secretName: 'cert' }],
      rules: [rule(host, 'front'), rule('*.shop.example.com', 'shop')],
    },
  });
  for (const name of ['front', 'shop']) await kubectl.ok(['rollout', 'status', `deployment/${name}`]);
  const { status } = await until<Ingress>(kubectl, 'ingress/web', (o) => o.status?.loadBalancer?.ingress !== undefined);
  address = status?.loadBalancer?.ingress?.[0]?.ip ?? '';
  await kubectl.ok(['-n', 'kube-system', 'rollout', 'status', 'deployment/knarr-ingress']);
});

describe('an Ingress', () => {
  it('of no class gets the default one, and goes by host', async () => {
    await expect.poll(() => answer('/').catch(String), { timeout: 60_000 }).toBe('front');
    expect((await kubectl.object<Ingress>('ingress', 'web')).spec.ingressClassName).toBe('knarr');
    expect(await answer('/', shop)).toBe('shop');
    expect(await answer('/', { host: 'two.example.com' })).toBe('404');
  });

  it('shows its certificate', async () => {
    expect(await certificate()).toBe('one');
    expect(await answer('/', { ...shop, ...tls })).toBe('shop');
    await expect(ask('/', { address, host, port: 443, sni: 'two.example.com' })).rejects.toThrow();
  });

  it('loses no request while a certificate is replaced, routes change, and pods go', async () => {
    const agent = new Agent({ keepAlive: true });
    const lost: string[] = [];
    const state = { asked: 0, isDone: false };
    const askOn = async (options: Ask) => {
      while (!state.isDone) {
        const got = await answer('/', options).catch(String);
        if (got !== 'front') lost.push(got);
        state.asked++;
      }
    };
    const clients = [askOn({}), askOn({ agent }), askOn(tls)];
    await apply(secret(pairs.two));
    await expect.poll(certificate, { timeout: 60_000 }).toBe('two');
    // One right after the other: the last counts.
    for (const name of ['more', 'most']) {
      const added = [{ op: 'add', path: '/spec/rules/-', value: rule(`${name}.example.com`, 'shop') }];
      await kubectl.ok(['patch', 'ingress', 'web', '--type', 'json', '-p', JSON.stringify(added)]);
    }
    await expect.poll(() => answer('/', { host: 'most.example.com' }), { timeout: 60_000 }).toBe('shop');
    await kubectl.ok(['scale', 'deployment', 'front', '--replicas', '1']);
    await kubectl.ok(['rollout', 'restart', 'deployment', 'front']);
    await kubectl.ok(['rollout', 'status', 'deployment', 'front']);
    state.isDone = true;
    await Promise.all(clients);
    agent.destroy();
    expect(lost).toEqual([]);
    expect(state.asked).toBeGreaterThan(50);
  });

  it('answers 503 while nobody is there, and goes on when somebody comes', async () => {
    await kubectl.ok(['scale', 'deployment', 'shop', '--replicas', '0']);
    await expect.poll(() => answer('/', shop), { timeout: 60_000 }).toBe('503');
    await kubectl.ok(['scale', 'deployment', 'shop', '--replicas', '1']);
    await expect.poll(() => answer('/', shop), { timeout: 60_000 }).toBe('shop');
    expect(await answer('/')).toBe('front');
  });

  it('takes its proxy with it', async () => {
    await kubectl.ok(['delete', 'ingress', 'web']);
    await kubectl.ok(['-n', 'kube-system', 'wait', '--for=delete', 'deployment/knarr-ingress', '--timeout=60s']);
    await expect
      .poll(() => kubectl.ok(['-n', 'kube-system', 'get', 'service,secret,pod', '-o', 'name']), { timeout: 60_000 })
      .not.toContain('knarr-ingress');
  });
});
