import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Rng } from '../../base/rng.ts';
import { informersFor } from '../../client/informers.ts';
import { createClient } from '../../client/typed-client.ts';
import { connectContainerd } from '../../cri/containerd-client.ts';
import { type Containerd, ensureContainerd } from '../../cri/containerd-process.ts';
import { shareMounts } from '../../cri/mounts.ts';
import type { RunCommand } from '../../host/command.ts';
import { readCredentialProviders } from '../../kubelet/credential-providers/provider-config.ts';
import { startKubelet } from '../../kubelet/kubelet.ts';
import { readSettings } from '../../kubelet/settings.ts';
import type { KeyPair } from '../../pki/issue.ts';
import { ensureFormat, nodeFormat } from '../folder-format.ts';
import { ensureBaseImages } from '../images/base-images.ts';
import { nodeCgroup } from '../layout.ts';
import { startLogRotation } from '../log-rotation.ts';
import { followServers } from './follow-servers.ts';
import { obtainIdentity, persistently } from './node-identity.ts';
import { keepRuntime } from './runtime-keeper.ts';
import { writeRegistryHosts } from './registry-hosts.ts';
import { networkFacts, startNodeNetwork } from './node-network.ts';

export interface NodeDeps {
  clock: Clock;
  rng: Rng;
  log: Logger;
  /** Runs programs in this process's network namespace. */
  run: RunCommand;
}

export interface NodeOptions {
  cluster: string;
  /** `https://host:port` of the API server. */
  server: string;
  token?: string;
  tokenFile?: string;
  /** `sha256:…` of the cluster's CA. */
  caHash: string;
  name: string;
  /** Everything of the node is in here. */
  dir: string;
  address: string;
  /** Folder in which built images are kept, shared by the nodes of a machine. */
  imageCache?: string;
}

export interface RunningNode {
  /** Ends the agent; containers run on. */
  stop(): Promise<void>;
}

const kubeletPort = 10_250;
/** The only client of a node's HTTPS server. */
const apiServerName = 'kube-apiserver-kubelet-client';

/** What `knarr agent` is: container runtime, kubelet, service proxy, overlay and DNS of one node, given a URL and a token. */
export async function startNode(deps: NodeDeps, options: NodeOptions): Promise<RunningNode> {
  const { clock, rng, log, run } = deps;
  await ensureFormat(options.dir, nodeFormat);
  let useServing = (_pair: KeyPair) => {};
  const [containerd, identity] = await Promise.all([
    startRuntime(deps, options),
    obtainIdentity(deps, options, (pair) => useServing(pair)),
  ]);
  const stopRotation = startLogRotation({ clock, log }, [containerd.paths.log]);
  const { transport, certificates, ca, servers } = identity;
  const client = createClient(transport);
  const network = await persistently(deps, () => networkFacts(client));
  if (network.registry) await writeRegistryHosts(containerd.paths.certsDir, network.registry);
  const informers = informersFor(client, { clock, rng, log });
  const nodeNetwork = await startNodeNetwork(
    { informers, run, clock, rng, log },
    {
      cluster: options.cluster,
      name: options.name,
      address: options.address,
      facts: network,
      containerd: containerd.paths,
    },
  );
  followServers({ clock, informers, log }, servers, options);
  informers.start();
  const cri = connectContainerd(containerd.socketPath, { clock, log });
  const keeper = keepRuntime({ clock, log, cri }, () => ensureRuntime(deps, options));
  const { settings, ignored } = await readSettings(join(options.dir, 'kubelet.yaml'));
  if (ignored.length > 0) log.warn({ fields: ignored }, 'kubelet.yaml says what means nothing here');
  const credentialProviders = await readCredentialProviders(join(options.dir, 'image-credential-providers'));
  const manifests = join(options.dir, 'manifests');
  await mkdir(manifests, { recursive: true, mode: 0o755 });
  const serving = await certificates.serving([options.address]);
  const kubelet = await startKubelet(
    {
      ...{ client, cri, clock, rng, log: log.child({ component: 'kubelet' }) },
      admitToNetwork: (pod, addresses) => nodeNetwork.admit(pod, addresses),
    },
    {
      nodeName: options.name,
      nodeIps: [options.address],
      dataDir: await kubeletDir(options.dir, log),
      cgroupRoot: nodeCgroup(options.cluster, options.name),
      clusterDns: [network.dnsAddress],
      clusterDomain: network.clusterDomain,
      settings: { staticPodPath: manifests, ...settings },
      credentialProviders,
      server: {
        host: options.address,
        port: kubeletPort,
        tls: { ...serving, clientCa: ca },
        allowed: { names: [apiServerName] },
      },
    },
  );
  useServing = (pair) => kubelet.setCertificate({ ...pair, clientCa: ca });
  return {
    async stop() {
      stopRotation();
      keeper.stop();
      await kubelet.stop();
      await nodeNetwork.stop();
      informers.stop();
      certificates.stop();
      transport.close();
      cri.close();
    },
  };
}

/** Where pods' files lie. Storage drivers in pods mount below it. */
async function kubeletDir(nodeDir: string, log: Logger): Promise<string> {
  const dir = join(nodeDir, 'kubelet');
  await mkdir(dir, { recursive: true, mode: 0o750 });
  await shareMounts(dir).catch((error: unknown) => log.warn({ error: String(error) }, 'mounts are not shared'));
  return dir;
}

const ensureRuntime = ({ clock, log }: NodeDeps, { dir, cluster, name }: NodeOptions): Promise<Containerd> =>
  ensureContainerd({ dir: join(dir, 'containerd'), cgroup: nodeCgroup(cluster, name) }, { clock, log });

async function startRuntime(deps: NodeDeps, options: NodeOptions): Promise<Containerd> {
  const { clock, rng, log } = deps;
  const containerd = await ensureRuntime(deps, options);
  const cacheDir = options.imageCache ?? join(options.dir, 'images');
  await ensureBaseImages({ socketPath: containerd.socketPath, cacheDir, clock, rng, log });
  return containerd;
}
