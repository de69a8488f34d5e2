import { request as httpsRequest } from 'node:https';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { namespaces, pods, rolebindings, roles, serviceaccounts } from '../api/generated/resources.ts';
import { startTestServer, type TestServer } from './replay/server.fake.ts';

/** A whole server; the administrator acts as users who may `get`, `create` or both. The pod is on no node. */
let server: TestServer;
const streamed = ['exec', 'attach', 'portforward'];

beforeAll(async () => {
  server = await startTestServer();
  const { admin } = server;
  await admin.create(namespaces, { metadata: { name: 't' } });
  await admin.create(serviceaccounts, { metadata: { namespace: 't', name: 'default' } });
  const spec = { containers: [{ name: 'c', image: 'i' }] };
  await admin.create(pods, { metadata: { namespace: 't', name: 'p' }, spec } as never);
  const resources = [...streamed, 'proxy'].map((subresource) => `pods/${subresource}`);
  for (const [name, verbs] of Object.entries({ getter: ['get'], creator: ['create'], both: ['get', 'create'] })) {
    const metadata = { namespace: 't', name };
    await admin.create(roles, { metadata, rules: [{ apiGroups: [''], resources, verbs }] });
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name };
    await admin.create(rolebindings, { metadata, roleRef, subjects: [{ kind: 'User', name }] } as never);
  }
});
afterAll(() => server.close());

interface Refusal {
  code: number;
  message: string;
  reason: string;
  details: object;
}

const path = (subresource: string, pod = 'p') =>
  `/api/v1/namespaces/t/pods/${pod}/${subresource}?command=true&ports=80`;

/** The Status that an upgrade is answered with: nothing here gets as far as a node. */
function upgrade(user: string, url: string, { method = 'GET', protocol = 'websocket' } = {}): Promise<Refusal> {
  const headers = { connection: 'Upgrade', upgrade: protocol, 'impersonate-user': user };
  return new Promise((resolve, reject) => {
    const { port, ca, cert, key } = server.tls;
    const asking = httpsRequest({ host: '127.0.0.1', port, ca, cert, key, path: url, method, headers, agent: false });
    asking.on('error', reject);
    asking.on('response', async (answer) => {
      let text = '';
      for await (const chunk of answer) text += String(chunk);
      resolve(JSON.parse(text) as Refusal);
    });
    asking.end();
  });
}

describe.each(streamed)('a WebSocket for %s', (subresource) => {
  it('needs `create` besides `get`, and says no more than that it is forbidden', async () => {
    const answer = await upgrade('getter', path(subresource));
    expect(answer).toMatchObject({
      code: 403,
      reason: 'Forbidden',
      message: 'pods "p" is forbidden: ',
      details: { name: 'p', kind: 'pods' },
    });
    // Before it is known whether there is such a pod.
    expect((await upgrade('getter', path(subresource, 'none'))).code).toBe(403);
    const without = await server.send({
      method: 'GET',
      path: path(subresource),
      headers: { 'impersonate-user': 'getter' },
    });
    expect(without.status).toBe(403);
  });

  it('needs `get` besides `create`', async () => {
    expect((await upgrade('creator', path(subresource))).message).toContain('User "creator" cannot get resource');
  });

  it('goes on with both', async () => {
    const missing = 'pod p does not have a host assigned';
    expect(await upgrade('both', path(subresource))).toMatchObject({ code: 400, message: missing });
  });
});

it('SPDY begins with a POST, for which `create` is enough', async () => {
  const spdy = { method: 'POST', protocol: 'SPDY/3.1' };
  expect((await upgrade('creator', path('exec'), spdy)).code).toBe(400);
  expect((await upgrade('getter', path('exec'), spdy)).message).toContain('User "getter" cannot create resource');
});

it('a proxied WebSocket is passed on with `get` alone', async () => {
  expect((await upgrade('getter', '/api/v1/namespaces/t/pods/p/proxy/')).code).not.toBe(403);
});
