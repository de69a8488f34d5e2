import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { certificatesigningrequests } from '../../src/api/generated/resources.ts';
import { createCertificateRequest } from '../../src/pki/certificate-request.ts';
import { generateKeyPem } from '../../src/pki/key.ts';
import { ApiProcess } from './extension/api-process.ts';

let server: ApiProcess;
beforeAll(async () => {
  server = await ApiProcess.start();
});
afterAll(() => server.close());

const accounts = '/api/v1/namespaces/default/serviceaccounts';
const tokenOf = async (name: string, spec: object = {}): Promise<string> =>
  (await server.post(`${accounts}/${name}/token`, { spec })).body.status.token;

describe('the token of a service account', () => {
  beforeAll(async () => {
    await server.post(accounts, { metadata: { name: 'worker' } });
  });

  it('is known to a review as that of its account, for its audiences, until the account is gone', async () => {
    const review = async (spec: object) => {
      const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec };
      return (await server.post('/apis/authentication.k8s.io/v1/tokenreviews', body)).body.status;
    };
    const { uid } = (await server.post(accounts, { metadata: { name: 'short' } })).body.metadata;
    const [token, vaultToken] = [await tokenOf('short'), await tokenOf('short', { audiences: ['vault'] })];
    const user = {
      username: 'system:serviceaccount:default:short',
      uid,
      groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'],
    };
    expect(await review({ token })).toMatchObject({ authenticated: true, user });
    expect((await review({ token: vaultToken })).authenticated).toBeFalsy();
    const forVault = await review({ token: vaultToken, audiences: ['vault', 'other'] });
    expect(forVault).toMatchObject({ authenticated: true, user, audiences: ['vault'] });
    expect((await review({ token: `${token}x` })).authenticated).toBeFalsy();
    await server.send('DELETE', `${accounts}/short`);
    expect((await review({ token })).authenticated).toBeFalsy();
  });

  it('is enough to ask for the issuer and its keys, which prove it', async () => {
    const token = await tokenOf('worker', { audiences: ['some-client'] });
    const headers = { authorization: `Bearer ${await tokenOf('worker')}` };
    const ask = (path: string, more = {}) => server.anonymously('GET', path, { headers: more });
    expect((await ask('/.well-known/openid-configuration')).status).toBe(403);
    const discovery = await ask('/.well-known/openid-configuration', headers);
    expect([discovery.status, discovery.headers['content-type']]).toEqual([200, 'application/json']);
    const { issuer, jwks_uri, id_token_signing_alg_values_supported: algorithms } = discovery.body;
    expect(discovery.body).toMatchObject({
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
    });
    const keys = await ask(new URL(jwks_uri).pathname, headers);
    expect([keys.status, keys.headers['content-type']]).toEqual([200, 'application/jwk-set+json']);
    const keySet = createLocalJWKSet(keys.body as JSONWebKeySet);
    const { payload } = await jwtVerify(token, keySet, { issuer, audience: 'some-client', algorithms });
    expect(payload.sub).toBe('system:serviceaccount:default:worker');
  });
});

describe('who may do what', () => {
  it('is told by reviews, in one namespace and in all, as it then turns out', async () => {
    await server.post(accounts, { metadata: { name: 'asker' } });
    const user = 'system:serviceaccount:default:asker';
    const groups = ['system:authenticated', 'system:serviceaccounts', 'system:serviceaccounts:default'];
    const attributes = { group: 'apps', verb: 'list', resource: 'deployments', namespace: 'default' };
    const review = (kind: string, namespace: string, spec: object) =>
      server.post(`/apis/authorization.k8s.io/v1${namespace && `/namespaces/${namespace}`}/${kind.toLowerCase()}s`, {
        ...{ apiVersion: 'authorization.k8s.io/v1', kind, metadata: { namespace }, spec },
      });
    const answers = async () => {
      const spec = { user, groups, resourceAttributes: attributes };
      const everywhere = await review('SubjectAccessReview', '', spec);
      const here = await review('LocalSubjectAccessReview', 'default', spec);
      const as = { 'impersonate-user': user };
      const tried = await server.get('/apis/apps/v1/namespaces/default/deployments', as);
      expect([everywhere.status, here.status]).toEqual([201, 201]);
      return [everywhere.body.status.allowed, here.body.status.allowed, tried.status];
    };
    expect(await answers()).toEqual([false, false, 403]);
    const rbac = '/apis/rbac.authorization.k8s.io/v1/namespaces/default';
    const rules = [{ apiGroups: ['apps'], resources: ['deployments'], verbs: ['list'] }];
    await server.post(`${rbac}/roles`, { metadata: { name: 'lister' }, rules });
    await server.post(`${rbac}/rolebindings`, {
      metadata: { name: 'lister' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'lister' },
      subjects: [{ kind: 'ServiceAccount', namespace: 'default', name: 'asker' }],
    });
    expect(await answers()).toEqual([true, true, 200]);
    const elsewhere = { user, groups, resourceAttributes: { ...attributes, namespace: 'kube-system' } };
    expect((await review('SubjectAccessReview', '', elsewhere)).body.status.allowed).toBe(false);
    expect((await review('LocalSubjectAccessReview', 'default', elsewhere)).status).toBe(422);
  });
});

describe('a request for a certificate', () => {
  it('is made, found, watched, changed, approved, answered and deleted', async () => {
    const group = '/apis/certificates.k8s.io';
    const path = `${group}/v1/certificatesigningrequests`;
    const version = { groupVersion: 'certificates.k8s.io/v1', version: 'v1' };
    expect((await server.get(group)).body.versions).toContainEqual(version);
    const { resources } = (await server.get(`${group}/v1`)).body;
    expect(resources.map(({ name }: { name: string }) => name)).toEqual(
      expect.arrayContaining(['', '/approval', '/status'].map((part) => `certificatesigningrequests${part}`)),
    );

    const requestPem = await createCertificateRequest(generateKeyPem(), { commonName: 'test-user' });
    const labels = { lifecycle: 'csr' };
    const make = async (generateName: string) => {
      const { body } = await server.post(path, {
        metadata: { generateName, labels },
        spec: {
          request: Buffer.from(requestPem).toString('base64'),
          signerName: 'test.io/signer',
          usages: ['digital signature', 'key encipherment', 'client auth'],
          expirationSeconds: 3600,
        },
      });
      return body;
    };
    const seen: string[] = [];
    const watch = server.client().watch(
      certificatesigningrequests,
      { labelSelector: 'lifecycle=csr' },
      {
        events: (all) => seen.push(...all.map(({ type }) => type).filter((type) => type !== 'BOOKMARK')),
        end: () => {},
      },
    );
    const made = await make('first-');
    const one = `${path}/${made.metadata.name}`;
    expect(made.spec).toMatchObject({
      username: 'kubernetes-admin',
      groups: expect.arrayContaining(['system:masters']),
    });
    expect((await server.get(one)).body.metadata.uid).toBe(made.metadata.uid);
    expect((await server.get(`${path}?labelSelector=lifecycle=csr`)).body.items).toHaveLength(1);

    const patched = await server.patch(one, { metadata: { annotations: { patched: 'true' } } });
    expect(patched.body.metadata.annotations).toEqual({ patched: 'true' });
    const annotations = { ...patched.body.metadata.annotations, updated: 'true' };
    const updated = await server.put(one, { ...patched.body, metadata: { ...patched.body.metadata, annotations } });
    expect(updated.body.metadata.annotations).toEqual(annotations);

    const condition = { type: 'Approved', status: 'True', reason: 'E2E', message: 'set by a test' };
    expect((await server.get(`${one}/approval`)).body.metadata.uid).toBe(made.metadata.uid);
    const approvals = { ...updated.body, status: { ...updated.body.status, conditions: [condition] } };
    const approved = await server.put(`${one}/approval`, approvals);
    expect(approved.body.status.conditions).toMatchObject([condition]);
    const again = await server.patch(`${one}/approval`, { metadata: { annotations: { 'patched-approval': 'true' } } });
    expect([again.status, again.body.status.conditions]).toMatchObject([200, [condition]]);
    // What else there is to say of it, its status says.
    const failed = { type: 'StatusUpdate', status: 'True', reason: 'E2E', message: 'also set by a test' };
    const status = { ...again.body.status, conditions: [...again.body.status.conditions, failed] };
    const told = await server.put(`${one}/status`, { ...again.body, status });
    expect(told.body.status.conditions).toMatchObject([condition, failed]);
    const certificate = Buffer.from(server.pki.ca.cert).toString('base64');
    const answered = await server.patch(`${one}/status`, { status: { certificate } });
    expect((await server.get(`${one}/status`)).body.status).toEqual(answered.body.status);
    expect(answered.body.status).toMatchObject({ certificate, conditions: [condition, failed] });

    expect((await server.send('DELETE', one)).status).toBe(200);
    expect((await server.get(one)).status).toBe(404);
    for (const name of ['second-', 'third-']) await make(name);
    expect((await server.send('DELETE', `${path}?labelSelector=lifecycle=csr`)).status).toBe(200);
    expect((await server.get(`${path}?labelSelector=lifecycle=csr`)).body.items).toEqual([]);
    const changes = Array.from({ length: 6 }, () => 'MODIFIED');
    await vi.waitFor(() =>
      expect(seen).toEqual(['ADDED', ...changes, 'DELETED', 'ADDED', 'ADDED', 'DELETED', 'DELETED']),
    );
    watch.stop();
  });
});
