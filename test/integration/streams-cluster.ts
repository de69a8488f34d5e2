import { mkdir, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import WebSocket from 'ws';
import { pods, serviceaccounts } from '../../src/api/generated/resources.ts';
import type { Pod } from '../../src/api/generated/types.ts';
import { ApiServer } from '../../src/apiserver/api-server.ts';
import { allAuthenticated, mastersGroup } from '../../src/apiserver/authn/user-info.ts';
import type { Client } from '../../src/client/client.ts';
import { Informer } from '../../src/client/informer.ts';
import { createClient } from '../../src/client/typed-client.ts';
import { connectContainerd } from '../../src/cri/containerd-client.ts';
import { unmountBelow } from '../../src/cri/mounts.ts';
import { startKubelet } from '../../src/kubelet/kubelet.ts';
import { type ClusterPki, ensureClusterPki } from '../../src/pki/cluster-pki.ts';
import { issueCertificate } from '../../src/pki/issue.ts';
import { renderKubeconfig } from '../../src/pki/kubeconfig.ts';
import { MemoryJournal } from '../../src/store/memory-journal.ts';
import { SpdyConnection } from '../../src/streams/spdy-connection.ts';
import { machine, startOwnContainerd } from './own-containerd.ts';

/** API server, kubelet and containerd, in the network namespace of the test: the whole way of a stream. */
export interface StreamsCluster {
  client: Client;
  kubeconfig: string;
  /** The node's own server; it takes only the API server's certificate. */
  nodePort: number;
  /** Resolves when the pod is ready. */
  runPod(name: string, containers: Pod['spec']['containers']): Promise<Pod>;
  webSocket(path: string, protocols: string[]): WebSocket;
  /** Rejects with the answer's text when it is not 101. */
  spdy(path: string, protocol: string): Promise<SpdyConnection>;
  stop(): Promise<void>;
}

export async function startStreamsCluster(): Promise<StreamsCluster> {
  const own = await startOwnContainerd('streams', { isOnHost: true, subnet: '10.198.0.0/24' });
  const undo: (() => Promise<void> | void)[] = [() => own.stop(), () => unmountBelow(own.dir)];
  const stop = async () => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    const pki = await ensureClusterPki(join(own.dir, 'pki'), { clock: machine.clock, addresses: ['127.0.0.1'] });
    const api = await startApi(pki);
    undo.push(() => api.close());
    const { ca, admin } = pki;
    const port = await api.listen({ hosts: ['127.0.0.1'], port: 0, ...pki.apiserver, ca: ca.cert });
    const client = createClient(api.transportFor({ name: 'admin', groups: [mastersGroup, allAuthenticated] }, 'test'));
    await client.create(serviceaccounts, { metadata: { name: 'default', namespace: 'default' } });
    const cri = connectContainerd(own.containerd.socketPath, machine);
    undo.push(() => cri.close());
    const nodePort = await freePort();
    const kubelet = await startKubelet(
      { ...machine, client, cri },
      {
        nodeName: 'node-1',
        nodeIps: ['127.0.0.1'],
        dataDir: join(own.dir, 'kubelet'),
        cgroupRoot: own.cgroup,
        clusterDns: ['10.96.0.10'],
        clusterDomain: 'cluster.local',
        server: {
          host: '127.0.0.1',
          port: nodePort,
          tls: { ...(await servingPair(pki)), clientCa: ca.cert },
          allowed: { names: ['kube-apiserver-kubelet-client'] },
        },
      },
    );
    undo.push(() => kubelet.stop());
    const kubeconfig = join(own.dir, 'kubeconfig');
    const server = `https://127.0.0.1:${port}`;
    const text = renderKubeconfig({
      clusterName: 'test',
      server,
      caPem: ca.cert,
      userName: 'admin',
      credential: admin,
    });
    await mkdir(own.dir, { recursive: true });
    await writeFile(kubeconfig, text, { mode: 0o600 });
    const tls = { ca: ca.cert, cert: admin.cert, key: admin.key };
    return {
      client,
      kubeconfig,
      nodePort,
      runPod: (name, containers) => runPod(client, name, containers),
      webSocket: (path, protocols) =>
        new WebSocket(`${server}${path}`, protocols, { ...tls, perMessageDeflate: false }),
      spdy: (path, protocol) =>
        new Promise((resolve, reject) => {
          const headers = { Connection: 'Upgrade', Upgrade: 'SPDY/3.1', 'X-Stream-Protocol-Version': protocol };
          const asked = request(`${server}${path}`, { method: 'POST', agent: false, headers, ...tls });
          asked.on('upgrade', (_, socket: Socket, head) => resolve(new SpdyConnection(socket, head)));
          asked.on('response', async (answer) => {
            const chunks = await answer.toArray();
            reject(new Error(`${answer.statusCode} ${Buffer.concat(chunks).toString()}`));
          });
          asked.on('error', reject);
          asked.end();
        }),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function startApi(pki: ClusterPki): Promise<ApiServer> {
  const onFatal = (error: unknown) => {
    throw error;
  };
  return ApiServer.start(
    { journal: new MemoryJournal(), ...machine, onFatal },
    {
      serviceCidr: '10.96.0.0/16',
      ca: pki.ca.cert,
      tokenKey: pki.serviceAccount.key,
      nodes: pki.kubeletClient,
      facts: {
        caPem: pki.ca.cert,
        serverUrl: 'https://127.0.0.1:6443',
        endpointAddress: '192.0.2.1',
        endpointPort: 6443,
        serviceAddress: '10.96.0.1',
        serviceCidr: '10.96.0.0/16',
        podCidr: '10.244.0.0/16',
        dnsAddress: '10.96.0.10',
        clusterDomain: 'cluster.local',
      },
    },
  );
}

function servingPair(pki: ClusterPki) {
  const notBeforeMs = machine.clock.now() - 60_000;
  return issueCertificate(pki.ca, {
    commonName: 'system:node:node-1',
    organizations: ['system:nodes'],
    hosts: ['127.0.0.1'],
    usages: ['server auth'],
    notBeforeMs,
    notAfterMs: notBeforeMs + 3_600_000,
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

async function runPod(client: Client, name: string, containers: Pod['spec']['containers']): Promise<Pod> {
  const informer = new Informer<Pod>({ client, ...machine }, pods, { fieldSelector: `metadata.name=${name}` });
  informer.start();
  const spec = {
    nodeName: 'node-1',
    automountServiceAccountToken: false,
    terminationGracePeriodSeconds: 0,
    containers,
  };
  await client.create(pods, { metadata: { name, namespace: 'default' }, spec });
  const isReady = (pod: Pod) =>
    pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
  await informer.waitUntil(() => informer.list().some(isReady));
  const [pod] = informer.list();
  informer.stop();
  return pod as Pod;
}
