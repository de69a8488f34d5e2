import { mkdir } from 'node:fs/promises';
import os from 'node:os';
import { nodes, pods } from '../api/generated/resources.ts';
import type { Pod } from '../api/generated/types.ts';
import { type Clock, every, sleep } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Rng } from '../base/rng.ts';
import type { Client } from '../client/client.ts';
import { BroadcastingRecorder } from '../client/event-recorder.ts';
import { Informer } from '../client/informer.ts';
import type { Cri } from '../cri/cri.ts';
import { runCommand } from '../host/command.ts';
import { type Cgroups, detectCgroups } from './cgroup/cgroups.ts';
import { createCsi, type CsiDeps } from './csi/csi.ts';
import type { InstalledProvider } from './credential-providers/provider-config.ts';
import { DeviceManager } from './devices/device-manager.ts';
import { createDra } from './dra/dra.ts';
import { servePodResources } from './devices/pod-resources.ts';
import { thresholdsOf } from './eviction/thresholds.ts';
import { Limiter } from './limiter.ts';
import { readMachine } from './node/machine.ts';
import { NodeReporter } from './node-status.ts';
import { PodPaths } from './pod-paths.ts';
import { createPodSide, type NodeSurroundings } from './pod-side.ts';
import { DelegatedAccess } from './server/delegated-access.ts';
import { KubeletServer, type KubeletServerOptions } from './server/server.ts';
import { type KubeletSettings, reservedOf } from './settings.ts';
import { streamsHandler } from './server/streams.ts';
import { podTargets } from './server/streams-targets.ts';
import { agentMetrics } from './usage/agent-metrics.ts';
import { usagePages } from './usage/pages.ts';
import { onMachineShutdown } from './shutdown/machine-shutdown.ts';
import { Shutdown } from './shutdown/shutdown.ts';
import { Upkeep, type UpkeepDeps } from './upkeep.ts';
import { TokenSource } from './volumes/token-source.ts';
import { mountMemoryDir } from './volumes/memory-dir.ts';

export interface KubeletDeps {
  client: Client;
  cri: Cri;
  clock: Clock;
  rng: Rng;
  log: Logger;
  /** The machine's own unless told. */
  cgroups?: Cgroups;
  /** Resolves when the node's network is ready for what runs in a pod with these addresses; absent: at once. */
  admitToNetwork?: (pod: Pod, addresses: readonly string[]) => Promise<void>;
}

export interface KubeletOptions {
  nodeName: string;
  /** The first one is the node's main address. */
  nodeIps: readonly string[];
  /** Where pods' files lie; a restarted agent finds them there again. */
  dataDir: string;
  /** `/knarr-<cluster>/<node>`: the cgroup below which `kubepods` is made. */
  cgroupRoot: string;
  clusterDns: readonly string[];
  clusterDomain: string;
  /** The node's resolver configuration; /etc/resolv.conf. */
  resolvConf?: string;
  maxPods?: number;
  nodeLabels?: Record<string, string>;
  /** What an administrator says of the node; upstream's defaults. */
  settings?: KubeletSettings;
  /** Programs that have credentials for images. */
  credentialProviders?: readonly InstalledProvider[];
  /** Absent: no server. */
  server?: KubeletServerOptions;
}

export interface Kubelet {
  /** The port that the HTTPS server really listens on; undefined without one. */
  readonly port: number | undefined;
  /** The serving certificate was renewed; new connections get it. */
  setCertificate(tls: KubeletServerOptions['tls']): void;
  /** Ends the agent; containers run on. Resolves within seconds, whatever is under way. */
  stop(): Promise<void>;
}

const relistMs = 1000;
const defaultPort = 10_250;
/** What is under way when the agent stops gets this long; the runtime finishes it by itself anyway. */
const stopMs = 2000;

/** What happens to pods comes before what is said of them. */
function patientRecorder({ client, clock, log }: KubeletDeps, limiter: Limiter, host: string): BroadcastingRecorder {
  const spareTime = () => limiter.spareTime();
  return new BroadcastingRecorder({ client, clock, log, spareTime }, { component: 'kubelet', host });
}

/**
 * Starts the node agent: registers the node, runs the pods that the API binds to it, reports their status, serves logs.
 * Resolves when the node is registered and pods are being served. Rejects only when this machine cannot run pods at all.
 */
export async function startKubelet(deps: KubeletDeps, options: KubeletOptions): Promise<Kubelet> {
  const { client, cri, clock, rng, log } = deps;
  const { nodeName, dataDir, cgroupRoot } = options;
  const node = await prepareNode(deps, options);
  const { paths, cgroups } = node;
  const told = {
    pressures: () => upkeep.pressures,
    isShuttingDown: () => shutdown.isUnderWay,
    wake: (uids: readonly string[]) => dispatcher.referencesChanged(uids),
  };
  // More at once only makes each slower: starting a container is work for the processor.
  const limiter = new Limiter(2 * os.availableParallelism());
  const recorder = patientRecorder(deps, limiter, nodeName);
  const side = await createNodeSide(deps, options, { ...node, ...told, recorder });
  const { reporter, devices, plugins, claimed, known, tokens, changed } = side;
  const around = { ...node, ...told, ...claimed, ...known, recorder, limiter, devices, tokens };
  const podSide = await createPodSide(deps, options, around);
  const { dispatcher, storage, imageAccess, releaseVolumes } = podSide;
  const podInformer = new Informer<Pod>({ client, clock, rng, log }, pods, {
    fieldSelector: `spec.nodeName=${nodeName}`,
  });

  const about = { kind: nodes.kind, apiVersion: 'v1', name: nodeName, uid: nodeName };
  const upkeep: Upkeep = new Upkeep(
    { cri, clock, log, recorder, cgroups, paths, dispatcher, storage, imageAccess, releaseVolumes, changed },
    { about, dataDir, cgroupRoot, settings: options.settings ?? {} },
  );

  const periods = shutdownPeriods(options.settings);
  const shutdown: Shutdown = new Shutdown({ clock, log, pods: dispatcher, changed }, periods);

  // A node without devices runs pods all the same.
  await devices.start().catch((error: unknown) => log.warn({ error: String(error) }, 'no devices are served'));
  await reporter.start();
  await plugins.start();
  podSide.start();
  podInformer.start();
  await Promise.all([podSide.synced, podInformer.synced]);
  await dispatcher.start(podInformer, podSide.addStatics);
  const stopRelist = every(clock, relistMs, () => dispatcher.relistSoon());
  upkeep.start();
  await devices.keepOnly((uid) => dispatcher.mayKnow(uid));
  const machineWatch = periods.totalMs > 0 ? onMachineShutdown({ log }, shutdown) : undefined;
  const podResources = await servePodResources(
    { devices, ...claimed, pods: () => dispatcher.list() },
    paths.podResourcesSocket,
  ).catch((error: unknown) => log.warn({ error: String(error) }, 'who has which devices is not served'));
  const server = serverOf(deps, options, { paths, cgroups, dispatcher, storage });
  const port = await server?.listen();
  recorder.event(about, 'Normal', 'Starting', 'Starting kubelet.');
  log.info({ node: nodeName, port }, 'kubelet started');

  return {
    port,
    setCertificate: (tls) => server?.setCertificate(tls),
    async stop() {
      stopRelist();
      upkeep.stop();
      machineWatch?.stop();
      podResources?.close();
      devices.stop();
      plugins.stop();
      podInformer.stop();
      reporter.stop();
      await server?.close();
      await Promise.race([dispatcher.stop(), sleep(clock, stopMs)]);
      podSide.stop();
    },
  };
}

/** What the node's object tells of, and who hears of its changes. */
async function createNodeSide(
  { client, cri, clock, rng, log }: KubeletDeps,
  { nodeName, dataDir, nodeLabels: labels }: KubeletOptions,
  around: Pick<NodeSurroundings, 'paths' | 'identity' | 'recorder' | 'pressures' | 'isShuttingDown'> &
    Pick<CsiDeps, 'wake'>,
) {
  const { paths, identity, recorder, pressures, isShuttingDown, wake } = around;
  const changed = () => reporter.reportSoon();
  const tokens = new TokenSource({ client, clock });
  const devices = new DeviceManager({ clock, log, changed }, paths.devicePluginsDir);
  // Knows what is in use before the node's first word.
  const dra = await createDra({ client, clock, log, paths, wake, nodeName });
  const handlers = { DRAPlugin: dra.drivers };
  const csi = await createCsi({ client, clock, log, recorder, paths, handlers, tokens, nodeName, changed, wake });
  const reporter: NodeReporter = new NodeReporter(
    { client, cri, clock, rng, log, pressures, isShuttingDown, observed: (node) => csi.volumes.observe(node) },
    {
      ...{ ...identity, dataDir, labels },
      ...{ devices: () => devices.counts(), volumesInUse: () => csi.volumes.inUse() },
    },
  );
  const plugins = {
    async start() {
      await csi.start();
      dra.drivers.start();
    },
    stop() {
      csi.stop();
      dra.drivers.stop();
    },
  };
  const claimed = { claimedDevices: dra.devices, csi: csi.volumes };
  const known = { node: () => reporter.node, runtimeHandlers: () => reporter.runtimeHandlers };
  return { reporter, devices, plugins, claimed, known, tokens, changed };
}

/** The node's HTTPS server; undefined where none is wanted. */
function serverOf(
  { client, cri, clock, log }: KubeletDeps,
  { nodeName, dataDir, cgroupRoot, server }: KubeletOptions,
  { paths, cgroups, dispatcher, storage }: Pick<UpkeepDeps, 'paths' | 'cgroups' | 'dispatcher' | 'storage'>,
): KubeletServer | undefined {
  if (!server) return undefined;
  const streams = streamsHandler({ runtime: cri.runtime, targets: podTargets(dispatcher), log });
  const metrics = agentMetrics(dispatcher, { nodeName, startedMs: clock.now() });
  const about = { nodeName, dataDir, cgroupRoot };
  const pages = usagePages({ clock, cri, cgroups, storage, metrics, pods: dispatcher }, about);
  const access = new DelegatedAccess({ client, clock }, nodeName);
  const { runtime } = cri;
  return new KubeletServer({ clock, log, paths, pods: dispatcher, runtime, pages, access }, { streams, ...server });
}

/** How long pods have when the machine goes down: no time unless told. */
const shutdownPeriods = ({ shutdownGracePeriod = 0, shutdownGracePeriodCriticalPods = 0 }: KubeletSettings = {}) => ({
  totalMs: shutdownGracePeriod,
  criticalMs: shutdownGracePeriodCriticalPods,
});

/** The node's folders, cgroups and size. */
async function prepareNode(
  deps: KubeletDeps,
  options: KubeletOptions,
): Promise<Pick<NodeSurroundings, 'paths' | 'cgroups' | 'machine' | 'identity'>> {
  const { nodeName, nodeIps, dataDir, settings = {} } = options;
  const { maxPods = options.maxPods ?? 110 } = settings;
  const paths = new PodPaths(dataDir);
  for (const dir of [paths.podsDir, paths.logsDir]) await mkdir(dir, { recursive: true, mode: 0o750 });
  await mountMemoryDir(paths.memoryDir, runCommand);
  const cgroups = deps.cgroups ?? (await detectCgroups());
  const machine = await readMachine(dataDir);
  const kubeletPort = options.server?.port ?? defaultPort;
  const limits = { maxPods, reserved: reservedOf(settings), thresholds: thresholdsOf(settings) };
  const identity = { nodeName, nodeIps, kubeletPort, ...limits };
  return { paths, cgroups, machine, identity };
}
