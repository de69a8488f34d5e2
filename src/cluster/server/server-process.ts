import { mkdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { parse } from 'yaml';
import { trackingName } from '../../api/core/legacy-token.ts';
import { configmaps, secrets } from '../../api/generated/resources.ts';
import { isAlreadyExists } from '../../api/meta/status-error.ts';
import type { ServingOptions } from '../../api/served-versions.ts';
import { ApiServer } from '../../apiserver/api-server.ts';
import type { ClusterFacts } from '../../apiserver/bootstrap/cluster-objects.ts';
import { allAuthenticated, mastersGroup, type UserInfo } from '../../apiserver/authn/user-info.ts';
import { IdentityKeeper, publishEndpoints } from '../../apiserver/identity/server-identity.ts';
import { leaseName } from '../../apiserver/identity/server-registry.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import { Metrics } from '../../base/metrics.ts';
import { type Rng, uuid } from '../../base/rng.ts';
import { createClient } from '../../client/typed-client.ts';
import type { Client } from '../../client/client.ts';
import type { ClusterPki } from '../../pki/cluster-pki.ts';
import { forwardPort } from '../../host/forward-port.ts';
import { readText, writeSecret } from '../../pki/files.ts';
import { generateJoinToken, joinTokenSecret, joinTokenText, parseJoinToken } from '../../pki/join-token.ts';
import { schedulerConfiguration } from '../../scheduler/configuration.ts';
import { tokenSigner } from '../../pki/signed-token.ts';
import { EtcdJournal, type EtcdJournalOptions } from '../../store/etcd/etcd-journal.ts';
import { LmdbJournal } from '../../store/lmdb/lmdb-journal.ts';
import { clusterDomain, type ClusterLayout } from '../layout.ts';
import { type ConfigurationFlags, configuredOptions, followConfiguration } from './configured-options.ts';
import { startControlLoops } from './control-loops.ts';
import { Sealing } from './sealing.ts';
import { fromServerFile } from './server-files.ts';
import { addressesOf, keepCertificatesValid, serverPki, writeKubeconfig } from './server-certificates.ts';

export interface ServerDeps {
  clock: Clock;
  rng: Rng;
  log: Logger;
  /** Ends the process at once: the journal can no longer be trusted. */
  onFatal(error: unknown): void;
}

export interface RunningServer {
  port: number;
  stop(): Promise<void>;
}

export interface ServerOptions {
  /** Where the state is when several servers share it; without it, in the cluster's folder. */
  etcd?: EtcdJournalOptions | undefined;
  /** This machine pushes to the cluster's registry at 127.0.0.1, for which tools ask for no TLS. */
  registry?: boolean;
  /** Flags of `knarr server` that are kube-apiserver's. */
  flags?: ConfigurationFlags;
  /** Which versions of the built-in kinds there are. */
  serving?: ServingOptions | undefined;
}

const schedulerOptions = (layout: ClusterLayout, flags: ConfigurationFlags) =>
  fromServerFile({ layout, flags, file: 'schedulerConfig' }, (text) => schedulerConfiguration(parse(text)));

const whereToListen = (layout: ClusterLayout, { apiserver, ca, frontProxy }: ClusterPki) => ({
  hosts: ['127.0.0.1', ...addressesOf(layout)],
  port: layout.apiPort,
  ...{ cert: apiserver.cert, key: apiserver.key },
  ca: `${ca.cert}${frontProxy.ca.cert}`,
});

/** What `knarr server` is: API server, controllers and scheduler in one process, each under its own name. */
export async function startServer(
  deps: ServerDeps,
  layout: ClusterLayout,
  { etcd, registry, flags = {}, serving }: ServerOptions = {},
): Promise<RunningServer> {
  const { clock, rng, log } = deps;
  // A folder that is not there cannot be followed: what is put into it later is to be seen.
  await mkdir(layout.configDir, { recursive: true, mode: 0o700 });
  const pki = await serverPki(layout, clock);
  const configured = await configuredOptions({ clock, log }, layout, flags);
  const scheduler = await schedulerOptions(layout, flags);
  const figures = new Metrics();
  const { journal, sealing } = await sealedJournal({ ...deps, figures }, layout, { etcd, flags });
  let loops: ReturnType<typeof startControlLoops> | undefined;
  const api = await ApiServer.start(
    { journal, clock, rng, log, figures, onFatal: deps.onFatal },
    {
      serviceCidr: layout.network.serviceCIDR,
      serving,
      components: () => (loops ? ['controller-manager', 'scheduler'] : []),
      ca: pki.ca.cert,
      tokenKey: pki.serviceAccount.key,
      nodes: { cert: pki.kubeletClient.cert, key: pki.kubeletClient.key },
      frontProxy: { ...pki.frontProxy.client, ca: pki.frontProxy.ca.cert },
      ...configured,
      facts: factsOf(layout, pki.ca.cert),
    },
  );
  followSealing(sealing, api);
  const clientFor = (user: UserInfo, userAgent: string): Client => createClient(api.transportFor(user, userAgent));
  const own = clientFor(operator, 'knarr-server');
  await ensureJoinToken(own, layout, rng);
  await trackTokenUse(own, clock);
  const stopFollowing = await followConfiguration({ clock, log, api }, layout, flags);
  const port = await api.listen(whereToListen(layout, pki));
  const here = { hostname: hostname(), incarnation: uuid(rng), address: layout.network.hostAddress, port };
  // The only server there can be has nobody to tell that it lives, and writes nothing while nothing happens.
  const identity = etcd && new IdentityKeeper({ client: own, clock, log }, here);
  if (identity) await identity.start();
  else await publishEndpoints(own, [`${here.address}:${port}`]);
  await writeKubeconfig(layout, pki);
  const onRenewed = ({ apiserver, kubeletClient, frontProxy }: ClusterPki) =>
    api.useCertificates({ serving: apiserver, nodes: kubeletClient, frontProxy: frontProxy.client });
  const stopRenewal = keepCertificatesValid({ clock, log, onRenewed }, layout, pki);
  const signToken = tokenSigner(pki.serviceAccount.key);
  loops = startControlLoops(
    { clientFor, clock, rng, log, metrics: api.context.metrics.metrics },
    {
      controllers: { ...blocksOf(layout.network), rootCaPem: pki.ca.cert, authority: pki.ca, signToken, serving },
      scheduler,
    },
    etcd && `${hostname()}_${uuid(rng)}`,
  );
  const ofRegistry = registry && (await forwardPort({ ...layout.registry, host: '127.0.0.1' }, layout.registry));
  return {
    port,
    async stop() {
      stopFollowing();
      await stopRenewal();
      if (ofRegistry) ofRegistry.close();
      loops?.stop();
      await identity?.stop();
      await api.close();
      sealing.stop();
    },
  };
}

/** Plugins that keep keys have a say over health from when there are any. */
function followSealing(sealing: Sealing, { health, context }: ApiServer): void {
  let isTold = false;
  const tell = () => {
    if (isTold || !sealing.asksPlugins) return;
    isTold = true;
    health.addKmsProviders(() => sealing.areWell());
  };
  tell();
  sealing.follow(context.store, tell);
}

/** Where the state is, sealed as the file says. */
async function sealedJournal(
  { clock, rng, log, figures }: ServerDeps & { figures: Metrics },
  layout: ClusterLayout,
  { etcd, flags }: { etcd: EtcdJournalOptions | undefined; flags: ConfigurationFlags },
) {
  const server = leaseName({ hostname: hostname(), address: layout.network.hostAddress, port: layout.apiPort });
  const sealing = await Sealing.start({ clock, rng, log, figures }, { layout, flags, server });
  const { records } = sealing;
  const journal = etcd
    ? new EtcdJournal({ clock, log }, { ...etcd, records })
    : new LmdbJournal(layout.stateDir, records);
  return { journal, sealing };
}

/** What controllers give addresses from, and that Ingresses get some. */
const blocksOf = ({ podCIDR, loadBalancerCIDR }: ClusterLayout['network']) => ({
  podCidr: podCIDR,
  loadBalancerCidr: loadBalancerCIDR,
  ingress: true,
});

const factsOf = (layout: ClusterLayout, caPem: string): ClusterFacts => ({
  caPem,
  // All servers say the same: that of the machine which has been there from the start.
  serverUrl: layout.joined
    ? `https://${layout.joined.machine}:${layout.apiPort}`
    : (layout.advertisedUrl ?? layout.apiUrl),
  endpointAddress: layout.network.hostAddress,
  endpointPort: layout.apiPort,
  serviceAddress: layout.network.kubernetesAddress,
  serviceCidr: layout.network.serviceCIDR,
  podCidr: layout.network.podCIDR,
  dnsAddress: layout.network.dnsAddress,
  clusterDomain,
  nodeCidr: layout.network.fabricCIDR,
  loadBalancerCidr: layout.network.loadBalancerCIDR,
  serverMachine: layout.joined?.machine ?? layout.advertise,
  registry: `${layout.registry.host}:${layout.registry.port}`,
});

/** Says since when the uses of tokens in Secrets are noted: from now on, in a new cluster. */
async function trackTokenUse(client: Client, clock: Clock): Promise<void> {
  const data = { since: new Date(clock.now()).toISOString().slice(0, 10) };
  const tracking = { metadata: { namespace: 'kube-system', name: trackingName }, data };
  await client.create(configmaps, tracking).catch((error: unknown) => {
    if (!isAlreadyExists(error)) throw error;
  });
}

/** The part of the program that sets the cluster up; nothing else of it runs with this name. */
const operator: UserInfo = { name: 'system:knarr-server', groups: [mastersGroup, allAuthenticated] };

/** The token by which the nodes of this machine join; made once, kept in a file that only root reads. */
async function ensureJoinToken(client: Client, layout: ClusterLayout, rng: Rng): Promise<void> {
  const present = parseJoinToken((await readText(layout.tokenFile))?.trim() ?? '');
  const token = present ?? generateJoinToken(rng);
  if (!present) await writeSecret(layout.tokenFile, `${joinTokenText(token)}\n`);
  const secret = joinTokenSecret(token, { description: 'nodes of this machine' });
  await client.create(secrets, secret).catch((error: unknown) => {
    if (!isAlreadyExists(error)) throw error;
  });
}
