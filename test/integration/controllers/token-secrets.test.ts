import { request } from 'node:https';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type Cluster, resources, startCluster } from '../../../src/testing/testing.ts';

const { configmaps, secrets, serviceaccounts } = resources;
const namespace = 'default';

/** Tokens of service accounts that live in Secrets, as scripts of before 1.24 ask for them. */
describe('tokens in Secrets', () => {
  let cluster: Cluster;
  let server = '';
  let ca = '';
  beforeAll(async () => {
    cluster = await startCluster({ nodes: 0 });
    const [entry] = parse(await cluster.kubeconfig()).clusters;
    server = entry.cluster.server;
    ca = Buffer.from(entry.cluster['certificate-authority-data'], 'base64').toString();
  });
  afterAll(() => cluster.stop());

  const whoami = (token: string): Promise<{ status: number; text: string }> =>
    new Promise((resolve, reject) => {
      const body = JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' });
      const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const sent = request(server + path, { method: 'POST', ca, headers }, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      });
      sent.on('error', reject);
      sent.end(body);
    });
  const ask = (name: string, account: string) =>
    cluster.client.create(secrets, {
      metadata: { name, namespace, annotations: { 'kubernetes.io/service-account.name': account } },
      type: 'kubernetes.io/service-account-token',
    });
  const tokenOf = async (name: string): Promise<string> => {
    const { data } = await cluster.waitFor(secrets, `${namespace}/${name}`, (one) => Boolean(one.data?.token));
    return Buffer.from(data?.token ?? '', 'base64').toString();
  };

  it('are made for whoever asks, work, and say when they did', async () => {
    await cluster.client.create(serviceaccounts, { metadata: { name: 'robot', namespace } });
    await ask('robot-token', 'robot');
    const token = await tokenOf('robot-token');
    const secret = await cluster.client.get(secrets, { namespace, name: 'robot-token' });
    expect(Buffer.from(secret.data?.namespace ?? '', 'base64').toString()).toBe(namespace);
    expect(Buffer.from(secret.data?.['ca.crt'] ?? '', 'base64').toString()).toContain('BEGIN CERTIFICATE');
    const { uid } = (await cluster.client.get(serviceaccounts, { namespace, name: 'robot' })).metadata;
    expect(secret.metadata.annotations?.['kubernetes.io/service-account.uid']).toBe(uid);
    const { status, text } = await whoami(token);
    expect(status).toBe(201);
    expect(JSON.parse(text).status.userInfo).toEqual({
      username: 'system:serviceaccount:default:robot',
      uid,
      groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'],
    });
    const day = cluster.now.toISOString().slice(0, 10);
    await cluster.waitFor(
      secrets,
      `${namespace}/robot-token`,
      ({ metadata }) => metadata.labels?.['kubernetes.io/legacy-token-last-used'] === day,
    );
  });

  it('end with what they hang on', async () => {
    const token = await tokenOf('robot-token');
    await cluster.client.patch(
      secrets,
      { namespace, name: 'robot-token' },
      { type: 'merge', body: { data: { token: 'eA==' } } },
    );
    expect((await whoami(token)).status).toBe(401);
    await cluster.client.delete(serviceaccounts, { namespace, name: 'robot' });
    await cluster.waitForGone(secrets, `${namespace}/robot-token`);
    await ask('nobodys', 'nobody').catch(() => undefined);
    await cluster.waitForGone(secrets, `${namespace}/nobodys`);
  });
});

it('tokens that were made by themselves go when nobody has used them for a year, and another', {
  timeout: 180_000,
}, async () => {
  const controllers = ['serviceaccount.token-secrets', 'serviceaccount.unused-tokens'];
  await using cluster = await startCluster({ nodes: 0, scheduler: false, controllers, clock: 'virtual' });
  const { client } = cluster;
  const tracking = { name: 'kube-apiserver-legacy-service-account-token-tracking', namespace: 'kube-system' };
  await client.create(configmaps, { metadata: tracking, data: { since: cluster.now.toISOString().slice(0, 10) } });
  await client.create(serviceaccounts, { metadata: { name: 'old', namespace }, secrets: [{ name: 'old-token' }] });
  for (const name of ['old-token', 'asked-for'])
    await client.create(secrets, {
      metadata: { name, namespace, annotations: { 'kubernetes.io/service-account.name': 'old' } },
      type: 'kubernetes.io/service-account-token',
    });
  const invalid = 'kubernetes.io/legacy-token-invalid-since';
  const labelsOf = async (name: string) => (await client.get(secrets, { namespace, name })).metadata.labels;
  await cluster.advance('8712h');
  expect(await labelsOf('old-token')).toBeUndefined();
  await cluster.advance('72h');
  expect(Object.keys((await labelsOf('old-token')) ?? {})).toEqual([invalid]);
  await cluster.advance('8784h');
  await cluster.waitForGone(secrets, `${namespace}/old-token`);
  expect((await client.get(secrets, { namespace, name: 'asked-for' })).data?.token).toBeTruthy();
});
