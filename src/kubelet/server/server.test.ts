import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Pod } from '../../api/generated/types.ts';
import { realClock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import { createAuthority, issueCertificate, type KeyPair } from '../../pki/issue.ts';
import { PodPaths } from '../pod-paths.ts';
import { initialPodState } from '../pod-worker.ts';
import type { RuntimeContainer } from '../worker/state.ts';
import { KubeletServer } from './server.ts';

const validity = { notBeforeMs: realClock.now() - 60_000, notAfterMs: realClock.now() + 600_000 };
const pod: Pod = {
  metadata: { name: 'p', namespace: 'ns', uid: 'u' },
  spec: { containers: [{ name: 'c' }] },
  status: {},
};
const container = { id: 'id1', name: 'c', attempt: 1, state: 'exited' } as RuntimeContainer;

let dir = '';
let port = 0;
let server: KubeletServer;
let ca: KeyPair;
const clients: Record<string, KeyPair | undefined> = {};

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'node-server-'));
  const paths = new PodPaths(dir);
  ca = await createAuthority('cluster', validity);
  const other = await createAuthority('other', validity);
  const issue = (authority: KeyPair, commonName: string, organizations: string[] = []) =>
    issueCertificate(authority, { commonName, organizations, usages: ['client auth'], ...validity });
  const serving = await issueCertificate(ca, { commonName: 'node', usages: ['server auth'], ...validity });
  clients['server'] = await issue(ca, 'kube-apiserver-kubelet-client');
  clients['master'] = await issue(ca, 'someone', ['system:masters']);
  clients['user'] = await issue(ca, 'user');
  clients['foreign'] = await issue(other, 'kube-apiserver-kubelet-client');
  const state = initialPodState(pod, 0);
  state.containers = { c: { ...(state.containers['c'] as object), current: container } as never };
  await mkdir(join(paths.logDir(pod), 'c'), { recursive: true });
  await writeFile(paths.logFile(pod, 'c', 1), '2026-01-01T00:00:00Z stdout F hello\n');
  const pods = {
    list: () => [pod],
    find: (_: string, name: string) => (name === 'p' ? state : undefined),
    onEnd: () => () => {},
  };
  const allowed = { names: ['kube-apiserver-kubelet-client'], groups: ['system:masters'] };
  server = new KubeletServer(
    { clock: realClock, log: silentLog, paths, pods },
    { host: '127.0.0.1', port: 0, allowed, tls: { cert: serving.cert, key: serving.key, clientCa: ca.cert } },
  );
  port = await server.listen();
});
afterAll(async () => {
  await server.close();
  await rm(dir, { recursive: true, force: true });
});

function get(path: string, client: string, method = 'GET'): Promise<[status: number, body: string]> {
  const { cert, key } = clients[client] ?? {};
  return new Promise((resolve, reject) => {
    const request = https.request(
      { host: '127.0.0.1', port, path, method, cert, key, rejectUnauthorized: false, agent: false },
      (answer) => {
        let body = '';
        answer.on('data', (chunk) => {
          body += chunk;
        });
        answer.on('end', () => resolve([answer.statusCode ?? 0, body]));
      },
    );
    request.on('error', reject);
    request.end();
  });
}

describe("the node's server", () => {
  it.each([
    ['server', 200],
    ['master', 200],
    ['user', 403],
    ['foreign', 401],
    ['nobody', 401],
  ])('answers %s with %i', async (client, status) => expect((await get('/healthz', client))[0]).toBe(status));

  it('serves pods and logs', async () => {
    expect(JSON.parse((await get('/pods', 'server'))[1])).toMatchObject({
      kind: 'PodList',
      items: [{ metadata: { name: 'p' } }],
    });
    expect(await get('/containerLogs/ns/p/c', 'server')).toEqual([200, 'hello\n']);
    expect(await get('/containerLogs/ns/p/c?timestamps=true', 'server')).toEqual([200, '2026-01-01T00:00:00Z hello\n']);
  });

  it('says what is wrong', async () => {
    expect(await get('/containerLogs/ns/none/c', 'server')).toEqual([404, 'pod "none" does not exist']);
    expect((await get('/containerLogs/ns/p/none', 'server'))[0]).toBe(404);
    expect(await get('/containerLogs/ns/p/c?previous=true', 'server')).toEqual([
      400,
      'previous terminated container "c" in pod "p" not found',
    ]);
    expect((await get('/containerLogs/ns/p/c?tailLines=-1', 'server'))[0]).toBe(400);
    expect((await get('/pods', 'server', 'POST'))[0]).toBe(405);
    expect((await get('/none', 'server'))[0]).toBe(404);
  });
});
