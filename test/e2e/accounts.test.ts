import { beforeAll, describe, expect, it } from 'vitest';
import { type Kubectl, kubectlIn } from './kubectl.ts';
import { listOf, pod, sh } from './manifests.ts';

/** A client with TLS: this Node, run in the pod with the files of this machine. No image has one. */
const client = `
const { readFileSync } = require('node:fs');
const [path] = process.argv.slice(1);
const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port, TOKEN: token, CA: ca } = process.env;
const headers = { authorization: 'Bearer ' + token };
require('node:https').get({ host, port, path, ca, headers }, (answer) => {
  let text = '';
  answer.on('data', (chunk) => (text += chunk));
  answer.on('end', () => console.log(answer.statusCode + ' ' + text));
});`;

const secrets = '/var/run/secrets/kubernetes.io/serviceaccount';

let kubectl: Kubectl;

/** Asks the API from within the pod, as its service account. */
async function ask(path: string): Promise<{ status: number; body: any }> {
  const script = `TOKEN=$(cat ${secrets}/token) CA="$(cat ${secrets}/ca.crt)" exec chroot /machine "$@"`;
  const args = ['exec', 'inside', '--', 'sh', '-c', script, 'sh', process.execPath, '-e', client, path];
  const [, status, body] = /^(\d+) (.*)$/s.exec(await kubectl.ok(args)) ?? [];
  return { status: Number(status), body: JSON.parse(body ?? 'null') };
}

beforeAll(async () => {
  kubectl = await kubectlIn('accounts');
  const inside = pod('inside', {
    serviceAccountName: 'worker',
    volumes: [{ name: 'machine', hostPath: { path: '/' } }],
    containers: [sh('c', 'sleep 3600', { volumeMounts: [{ name: 'machine', mountPath: '/machine', readOnly: true }] })],
  });
  await kubectl.ok(['create', 'serviceaccount', 'worker']);
  await kubectl.ok(['apply', '-f', '-'], { input: listOf([inside]) });
  await kubectl.ok(['wait', '--for=condition=Ready', 'pod/inside', '--timeout=60s']);
  return async () => {
    await kubectl.ok(['delete', 'namespace', 'accounts', '--wait=false']);
  };
});

describe('a pod speaks with the API as its service account', () => {
  it('is known by its token, and may nothing that it was not given', async () => {
    expect(await kubectl.ok(['exec', 'inside', '--', 'cat', `${secrets}/namespace`])).toBe('accounts');
    const { status, body } = await ask('/api/v1/namespaces/accounts/pods');
    expect(status).toBe(403);
    expect(body.message).toBe(
      'pods is forbidden: User "system:serviceaccount:accounts:worker" cannot list resource "pods" in API group "" in the namespace "accounts"',
    );
  });

  it('may what a role gives it', async () => {
    await kubectl.ok(['create', 'role', 'reader', '--verb=list', '--resource=pods']);
    await kubectl.ok(['create', 'rolebinding', 'reader', '--role=reader', '--serviceaccount=accounts:worker']);
    const { status, body } = await ask('/api/v1/namespaces/accounts/pods');
    expect(status).toBe(200);
    expect(body.items.map(({ metadata }: { metadata: { name: string } }) => metadata.name)).toEqual(['inside']);
  });

  it('a token from kubectl is worth as much, until its account is gone', async () => {
    const token = (await kubectl.ok(['create', 'token', 'worker'])).trim();
    const asWorker = ['--token', token, '--kubeconfig', `${kubectl.dir}/bare`];
    const config = await kubectl.ok(['config', 'view', '--raw', '-o', 'json']);
    const bare = { ...JSON.parse(config), users: [{ name: 'kubernetes-admin', user: {} }] };
    await kubectl.ok(['config', 'view', '--raw']);
    const { writeFile } = await import('node:fs/promises');
    await writeFile(`${kubectl.dir}/bare`, JSON.stringify(bare));
    expect(await kubectl.ok(['get', 'pods', '-o', 'name', ...asWorker])).toBe('pod/inside\n');
    const who = await kubectl.ok(['auth', 'whoami', '-o', 'jsonpath={.status.userInfo.username}', ...asWorker]);
    expect(who).toBe('system:serviceaccount:accounts:worker');
    await kubectl.ok(['delete', 'serviceaccount', 'worker']);
    const { code, stderr } = await kubectl(['get', 'pods', ...asWorker]);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'error: You must be logged in to the server (Unauthorized)\n',
    });
  });
});
