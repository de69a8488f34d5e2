import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CheckpointContainerRequest } from '../../api/generated/cri.ts';
import type { Pod } from '../../api/generated/types.ts';
import { realClock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import { createAuthority, issueCertificate, type KeyPair } from '../../pki/issue.ts';
import { PodPaths } from '../pod-paths.ts';
import { initialPodState } from '../pod-worker.ts';
import { RpcError } from '../../rpc/rpc-error.ts';
import type { ContainerWork, RuntimeContainer } from '../worker/state.ts';
import type { DelegatedAccess } from './delegated-access.ts';
import { KubeletServer } from './server.ts';

const validity = { notBeforeMs: realClock.now() - 60_000, notAfterMs: realClock.now() + 600_000 };
const pod: Pod = {
  metadata: { name: 'p', namespace: 'ns', uid: 'u' },
  spec: { containers: [{ name: 'c' }], initContainers: [{ name: 'runs', restartPolicy: 'Always' }] },
  status: {},
};
const container = { id: 'id1', name: 'c', attempt: 1, state: 'exited' } as RuntimeContainer;
const running = { id: 'id2', name: 'runs', attempt: 0, state: 'running' } as RuntimeContainer;
/** What the runtime was asked for, and what it answers. */
const checkpoints: CheckpointContainerRequest[] = [];
let checkpointFailure: Error | undefined;

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
  for (const current of [container, running]) (state.containers[current.name] as ContainerWork).current = current;
  await mkdir(join(paths.logDir(pod), 'c'), { recursive: true });
  await writeFile(paths.logFile(pod, 'c', 1), '2026-01-01T00:00:00Z stdout F hello\n');
  const pods = {
    list: () => [pod],
    find: (_: string, name: string) => (name === 'p' ? state : undefined),
    onEnd: () => () => {},
  };
  const runtime = {
    CheckpointContainer: async (request: CheckpointContainerRequest) => {
      checkpoints.push(request);
      if (checkpointFailure) throw checkpointFailure;
      return {};
    },
  };
  /** The cluster lets one user take checkpoints, and nothing else. */
  const access = {
    userOf: async () => undefined,
    isAllowed: async ({ user }: { user: string }, { verb, subresource }: { verb: string; subresource: string }) =>
      user === 'user' && verb === 'create' && subresource === 'checkpoint',
  } as unknown as DelegatedAccess;
  const allowed = { names: ['kube-apiserver-kubelet-client'], groups: ['system:masters'] };
  server = new KubeletServer(
    { clock: realClock, log: silentLog, paths, pods, runtime, access },
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

  it('has running containers written to archives', async () => {
    const [status, body] = await get('/checkpoint/ns/p/runs?timeout=7&timeout=300', 'user', 'POST');
    expect([status, JSON.parse(body)]).toEqual([200, { items: [checkpoints[0]?.location] }]);
    expect(checkpoints).toMatchObject([{ containerId: 'id2', timeout: 300 }]);
    expect(checkpoints[0]?.location?.slice(dir.length)).toMatch(
      /^\/checkpoints\/checkpoint-p_ns-runs-\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\.tar$/,
    );
    expect((await stat(join(dir, 'checkpoints'))).mode & 0o777).toBe(0o700);
    expect((await get('/checkpoint/ns/p/runs', 'server', 'POST'))[0]).toBe(200);
    expect(checkpoints[1]?.timeout).toBe(120);
  });

  it.each([
    ['/checkpoint/ns/none/c', 404, 'pod does not exist'],
    ['/checkpoint/ns/p/none', 404, 'container none does not exist'],
    ['/checkpoint/ns/p/runs?timeout=soon', 404, 'cannot parse value of timeout parameter'],
    [
      '/checkpoint/ns/p/runs?timeout=-1',
      500,
      'checkpointing of ns/p/runs failed (CheckpointContainer requires the timeout value to be > 0)',
    ],
    ['/checkpoint/ns/p/c', 500, 'checkpointing of ns/p/c failed (container c not found)'],
    [
      '/checkpoint/ns/p/runs',
      500,
      'checkpointing of ns/p/runs failed (rpc error: code = Unimplemented desc = method CheckpointContainer not implemented)',
    ],
  ])('answers a checkpoint at %s with %i %s', async (path, status, message) => {
    checkpointFailure = new RpcError('Unimplemented', 'method CheckpointContainer not implemented');
    expect(await get(path, 'server', 'POST')).toEqual([status, message]);
  });

  it('takes no checkpoint by a mere look', async () => {
    expect((await get('/checkpoint/ns/p/runs', 'server'))[0]).toBe(405);
    expect((await get('/checkpoint/ns/p/runs', 'user'))[0]).toBe(403);
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
