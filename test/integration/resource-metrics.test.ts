import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  apiservices,
  clusterrolebindings,
  clusterroles,
  nodes,
  pods,
  serviceaccounts,
} from '../../src/api/generated/resources.ts';
import type { Pod, TokenRequest } from '../../src/api/generated/types.ts';
import { ApiServer } from '../../src/apiserver/api-server.ts';
import { allAuthenticated, mastersGroup } from '../../src/apiserver/authn/user-info.ts';
import type { Client } from '../../src/client/client.ts';
import { createClient } from '../../src/client/typed-client.ts';
import { findKubectl } from '../../src/cluster/kubectl.ts';
import { clusterMetrics } from '../../src/controllers/horizontalpodautoscaler/metrics.ts';
import { FakeCri } from '../../src/cri/fake.ts';
import { runCommand } from '../../src/host/command.ts';
import { FakeCgroups } from '../../src/kubelet/cgroup/fake.ts';
import { PodPaths } from '../../src/kubelet/pod-paths.ts';
import { initialPodState } from '../../src/kubelet/pod-worker.ts';
import { DelegatedAccess } from '../../src/kubelet/server/delegated-access.ts';
import { KubeletServer } from '../../src/kubelet/server/server.ts';
import { agentMetrics } from '../../src/kubelet/usage/agent-metrics.ts';
import { usagePages } from '../../src/kubelet/usage/pages.ts';
import type { PodState, RuntimeContainer } from '../../src/kubelet/worker/state.ts';
import { type ClusterPki, ensureClusterPki } from '../../src/pki/cluster-pki.ts';
import { issueCertificate } from '../../src/pki/issue.ts';
import { renderKubeconfig } from '../../src/pki/kubeconfig.ts';
import { MemoryJournal } from '../../src/store/memory-journal.ts';
import { machine } from './own-containerd.ts';

/** API server and a node's HTTPS server, as they are; the kernel's figures are the test's. Nothing runs. */
const mebibyte = 2 ** 20;
const cgroupRoot = '/test';
const group = `${cgroupRoot}/kubepods/besteffort`;
const cgroups = new FakeCgroups();
const states: PodState[] = [];
let dir = '';
let pki: ClusterPki;
let api: ApiServer;
let node: KubeletServer;
let nodePort = 0;
let admin: Client;
let kubectl: (...args: string[]) => Promise<string>;

const clientFor = (name: string, groups: string[]) =>
  createClient(api.transportFor({ name, groups: [...groups, allAuthenticated] }, 'test'));

/** A container that used half a core ever since it started a minute ago. */
async function runHollow(name: string, labels: Record<string, string>): Promise<void> {
  const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: `${name}-data` } }];
  const containers = [{ name: 'c', image: 'i' }];
  const spec = { nodeName: 'node-1', automountServiceAccountToken: false, volumes, containers };
  const made = await admin.create(pods, { metadata: { name, namespace: 'default', labels }, spec });
  const status = { phase: 'Running' };
  const key = { namespace: 'default', name };
  const pod: Pod = await admin.patch(pods, key, { type: 'merge', body: { status } }, { subresource: 'status' });
  const startedAtMs = machine.clock.now() - 60_000;
  const state = initialPodState(pod, startedAtMs);
  const container = { id: `id-${name}`, name: 'c', attempt: 0, state: 'running', startedAtMs, image: 'i' };
  state.containers.c = { ...(state.containers.c as object), current: container as RuntimeContainer } as never;
  state.sandbox = { id: `sandbox-${name}`, attempt: 0, isReady: true, createdAtMs: startedAtMs, ips: ['10.0.0.2'] };
  states.push(state);
  const cgroup = `${group}/pod${made.metadata.uid}`;
  const use = () => ({
    cpuNs: (machine.clock.now() - startedAtMs) * 500_000,
    ...{ memoryBytes: 20 * mebibyte, workingSetBytes: 12 * mebibyte, pids: 2 },
  });
  cgroups.uses.set(cgroup, use);
  cgroups.uses.set(`${cgroup}/id-${name}`, use);
}

async function startNode(): Promise<void> {
  const notBeforeMs = machine.clock.now() - 60_000;
  const serving = await issueCertificate(pki.ca, {
    ...{ commonName: 'system:node:node-1', organizations: ['system:nodes'], hosts: ['127.0.0.1'] },
    ...{ usages: ['server auth'], notBeforeMs, notAfterMs: notBeforeMs + 3_600_000 },
  });
  const known = { states: () => states, probeCounts: () => [] };
  const metrics = agentMetrics(known, { nodeName: 'node-1', startedMs: notBeforeMs });
  const paths = new PodPaths(dir);
  const storage = { paths, volumePaths: () => new Map([['data', dir]]) };
  const cri = new FakeCri(machine);
  const deps = { ...machine, cri, cgroups, storage, metrics, pods: known };
  const pages = usagePages(deps, { nodeName: 'node-1', dataDir: dir, cgroupRoot });
  const access = new DelegatedAccess(
    { client: clientFor('system:node:node-1', ['system:nodes']), ...machine },
    'node-1',
  );
  const served = { list: () => [], find: () => undefined, onEnd: () => () => {} };
  node = new KubeletServer(
    { ...machine, paths, pods: served, runtime: cri.runtime, pages, access },
    {
      ...{ host: '127.0.0.1', port: 0, tls: { ...serving, clientCa: pki.ca.cert } },
      allowed: { names: ['kube-apiserver-kubelet-client'] },
    },
  );
  nodePort = await node.listen();
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'resource-metrics-'));
  pki = await ensureClusterPki(join(dir, 'pki'), { clock: machine.clock, addresses: ['127.0.0.1'] });
  api = await ApiServer.start(
    {
      ...{ journal: new MemoryJournal(), ...machine },
      onFatal: (error) => {
        throw error;
      },
    },
    {
      ...{ serviceCidr: '10.96.0.0/16', ca: pki.ca.cert, tokenKey: pki.serviceAccount.key, nodes: pki.kubeletClient },
      facts: {
        ...{
          caPem: pki.ca.cert,
          serverUrl: 'https://127.0.0.1:6443',
          endpointAddress: '192.0.2.1',
          endpointPort: 6443,
        },
        ...{ serviceAddress: '10.96.0.1', serviceCidr: '10.96.0.0/16', podCidr: '10.244.0.0/16' },
        ...{ dnsAddress: '10.96.0.10', clusterDomain: 'cluster.local' },
      },
    },
  );
  const port = await api.listen({ hosts: ['127.0.0.1'], port: 0, ...pki.apiserver, ca: pki.ca.cert });
  admin = clientFor('admin', [mastersGroup]);
  await startNode();
  const status = {
    addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
    daemonEndpoints: { kubeletEndpoint: { Port: nodePort } },
    allocatable: { cpu: '2', memory: '4Gi' },
    capacity: { cpu: '2', memory: '4Gi' },
  };
  await admin.create(nodes, { metadata: { name: 'node-1' }, spec: {}, status });
  await admin.create(serviceaccounts, { metadata: { name: 'default', namespace: 'default' } });
  await admin.create(serviceaccounts, { metadata: { name: 'scraper', namespace: 'default' } });
  await runHollow('web', { app: 'web' });
  await runHollow('db', { app: 'db' });
  const kubeconfig = join(dir, 'kubeconfig');
  const text = renderKubeconfig({
    ...{ clusterName: 'test', server: `https://127.0.0.1:${port}`, caPem: pki.ca.cert },
    ...{ userName: 'admin', credential: pki.admin },
  });
  await writeFile(kubeconfig, text, { mode: 0o600 });
  const program = await findKubectl('.', { run: runCommand });
  const env = { PATH: process.env.PATH, HOME: dir, KUBECONFIG: kubeconfig };
  kubectl = (...args) =>
    new Promise((resolve, reject) => {
      execFile(program, args, { env }, (error, stdout, stderr) =>
        error ? reject(new Error(stderr)) : resolve(stdout),
      );
    });
});
afterAll(async () => {
  await node?.close();
  await api?.close();
  await rm(dir, { recursive: true, force: true });
});

/** Asks the node itself, with a token. */
function askNode(path: string, token?: string): Promise<[status: number, text: string]> {
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  return new Promise((resolve, reject) => {
    const at = { host: '127.0.0.1', port: nodePort, path, ca: pki.ca.cert, agent: false, headers };
    const asked = request(at, async (answer) => {
      const chunks = await answer.toArray();
      resolve([answer.statusCode ?? 0, Buffer.concat(chunks).toString()]);
    });
    asked.on('error', reject);
    asked.end();
  });
}

const words = (line: string | undefined) => (line ?? '').trim().split(/\s+/);

describe('metrics.k8s.io', () => {
  it('kubectl top pod shows what pods use, by name, label and container', async () => {
    const [head, ...rows] = (await kubectl('top', 'pod')).trim().split('\n');
    expect(words(head)).toEqual(['NAME', 'CPU(cores)', 'MEMORY(bytes)']);
    expect(rows.map((row) => words(row)[0])).toEqual(['db', 'web']);
    for (const row of rows) {
      const [, cpu = '', memory] = words(row);
      expect(Number.parseInt(cpu, 10)).toBeGreaterThan(400);
      expect(Number.parseInt(cpu, 10)).toBeLessThan(600);
      expect([cpu.endsWith('m'), memory]).toEqual([true, '12Mi']);
    }
    expect((await kubectl('top', 'pod', '-l', 'app=web', '--no-headers')).trim().split('\n')).toHaveLength(1);
    expect(words((await kubectl('top', 'pod', 'db', '--containers', '--no-headers')).trim()).slice(0, 2)).toEqual([
      'db',
      'c',
    ]);
    await expect(kubectl('top', 'pod', 'none')).rejects.toThrow(
      'Error from server (NotFound): podmetrics.metrics.k8s.io "default/none" not found',
    );
  });

  it('kubectl top node compares with what the node has', async () => {
    const [head, row] = (await kubectl('top', 'node')).trim().split('\n');
    expect(words(head)).toEqual(['NAME', 'CPU(cores)', 'CPU(%)', 'MEMORY(bytes)', 'MEMORY(%)']);
    const [name, cpu = '', share = ''] = words(row);
    expect([name, cpu.endsWith('m'), share.endsWith('%')]).toEqual(['node-1', true, true]);
  });

  it('is discovered, described, and shown as a table', async () => {
    expect(await kubectl('api-versions')).toContain('metrics.k8s.io/v1beta1');
    const [head, ...rows] = (await kubectl('get', 'podmetrics')).trim().split('\n');
    expect([words(head), rows.length]).toEqual([['NAME', 'CPU', 'MEMORY', 'WINDOW'], 2]);
    const object = JSON.parse(
      await kubectl('get', '--raw', '/apis/metrics.k8s.io/v1beta1/namespaces/default/pods/web'),
    );
    expect(object).toMatchObject({
      ...{ kind: 'PodMetrics', apiVersion: 'metrics.k8s.io/v1beta1' },
      metadata: { name: 'web', namespace: 'default', labels: { app: 'web' } },
      containers: [{ name: 'c', usage: { cpu: expect.stringMatching(/^\d+n$/), memory: `${12 * 1024}Ki` } }],
    });
  });

  it('is what the autoscaler reads, under its own name', async () => {
    const name = 'system:serviceaccount:kube-system:horizontal-pod-autoscaler';
    const source = clusterMetrics(clientFor(name, ['system:serviceaccounts']));
    const samples = await source.resource({ namespace: 'default', selector: 'app=web' }, 'cpu');
    expect([...samples.keys()]).toEqual(['web']);
    expect(samples.get('web')?.milli).toBeGreaterThan(400);
  });

  it('may be seen by who may see pods, and by nobody else', async () => {
    await expect(
      clusterMetrics(clientFor('nobody', [])).resource({ namespace: 'default', selector: '' }, 'cpu'),
    ).rejects.toMatchObject({ reason: 'Forbidden' });
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' };
    const subjects = [{ kind: 'User', name: 'viewer', apiGroup: 'rbac.authorization.k8s.io' }];
    await admin.create(clusterrolebindings, { metadata: { name: 'viewer' }, roleRef, subjects });
    const samples = await clusterMetrics(clientFor('viewer', [])).resource(
      { namespace: 'default', selector: '' },
      'cpu',
    );
    expect(samples.size).toBe(2);
  });

  it('gives way to a server that somebody installs for it', async () => {
    const service = { namespace: 'default', name: 'metrics-server', port: 443 };
    const at = { group: 'metrics.k8s.io', version: 'v1beta1', groupPriorityMinimum: 100, versionPriority: 100 };
    const key = { name: 'v1beta1.metrics.k8s.io' };
    await admin.create(apiservices, { metadata: key, spec: { ...at, service, insecureSkipTLSVerify: true } });
    await expect(kubectl('get', '--raw', '/apis/metrics.k8s.io/v1beta1/nodes')).rejects.toThrow('unable to handle');
    await admin.delete(apiservices, key);
    expect(await kubectl('get', '--raw', '/apis/metrics.k8s.io/v1beta1/nodes')).toContain('NodeMetricsList');
  });
});

describe("the node's figures", () => {
  it('are behind the proxy of the API server', async () => {
    const raw = (path: string) => kubectl('get', '--raw', `/api/v1/nodes/node-1/proxy${path}`);
    const summary = JSON.parse(await raw('/stats/summary'));
    expect(summary.node).toMatchObject({ nodeName: 'node-1', fs: { capacityBytes: expect.any(Number) } });
    const [web] = summary.pods.filter((pod: { podRef: { name: string } }) => pod.podRef.name === 'web');
    expect(web).toMatchObject({
      containers: [{ name: 'c', memory: { workingSetBytes: 12 * mebibyte } }],
      'ephemeral-storage': { usedBytes: expect.any(Number) },
    });
    expect(web.containers[0].cpu.usageNanoCores / 1e9).toBeCloseTo(0.5, 1);
    expect(await raw('/metrics/cadvisor')).toMatch(
      /^container_memory_working_set_bytes\{container="c",id="[^"]*id-web",image="i",name="id-web",namespace="default",pod="web"\} 12582912 \d+$/m,
    );
    expect(await raw('/metrics')).toContain('kubelet_running_pods 2');
    const volume = 'namespace="default",persistentvolumeclaim="web-data"';
    expect(await raw('/metrics')).toMatch(
      new RegExp(`^kubelet_volume_stats_capacity_bytes\\{${volume}\\} [1-9]\\d*$`, 'm'),
    );
    expect(web.volume).toMatchObject([{ name: 'data', pvcRef: { name: 'web-data', namespace: 'default' } }]);
  });

  it('are for tokens that the cluster lets in, and for no others', async () => {
    const who = { namespace: 'default', name: 'scraper' };
    const spec = { audiences: [], expirationSeconds: 600 };
    const request = { metadata: { name: '' }, spec } as unknown as TokenRequest;
    const { status } = await admin.createSubresource(serviceaccounts, who, 'token', request);
    expect((await askNode('/metrics/resource'))[0]).toBe(401);
    expect((await askNode('/metrics/resource', 'none'))[0]).toBe(401);
    expect((await askNode('/stats/summary', status.token))[0]).toBe(403);
    const rules = [{ apiGroups: [''], resources: ['nodes/metrics'], verbs: ['get'] }];
    await admin.create(clusterroles, { metadata: { name: 'scrape' }, rules });
    await admin.create(clusterrolebindings, {
      metadata: { name: 'scrape' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'scrape' },
      subjects: [{ kind: 'ServiceAccount', ...who }],
    });
    const [code, text] = await askNode('/metrics/resource', status.token);
    expect([code, text]).toEqual([200, expect.stringContaining('pod_memory_working_set_bytes{namespace="default"')]);
    expect((await askNode('/stats/summary', status.token))[0]).toBe(403);
    expect((await askNode('/pods', status.token))[0]).toBe(403);
  });
});
