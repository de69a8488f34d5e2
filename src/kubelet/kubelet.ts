import { mkdir } from 'node:fs/promises';
import os from 'node:os';
import { nodes, pods, services } from '../api/generated/resources.ts';
import type { Pod, Service } from '../api/generated/types.ts';
import { every, type Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Rng } from '../base/rng.ts';
import type { Client } from '../client/client.ts';
import { BroadcastingRecorder } from '../client/event-recorder.ts';
import { Informer } from '../client/informer.ts';
import type { Cri } from '../cri/cri.ts';
import { runCommand } from '../host/command.ts';
import { type Cgroups, detectCgroups } from './cgroup/cgroups.ts';
import { removeOrphans } from './cleanup.ts';
import { parseResolvConf } from './config/dns-config.ts';
import type { FieldContext } from './config/field-ref.ts';
import { podCgroup } from './hooks/cgroup.ts';
import { podHooks } from './hooks/hooks.ts';
import { VolumesHook } from './hooks/volumes.ts';
import { Images } from './images.ts';
import { Limiter } from './limiter.ts';
import { rotateLogs } from './logs/rotate.ts';
import { readMachine } from './node/machine.ts';
import { allocatableOf } from './node/node-object.ts';
import { NodeReporter } from './node-status.ts';
import { PodDispatcher } from './pod-dispatcher.ts';
import { PodOperations } from './pod-operations.ts';
import { podFiles } from './pod-files.ts';
import { PodPaths } from './pod-paths.ts';
import { type KubeletServerOptions, KubeletServer } from './server/server.ts';
import { streamsHandler } from './server/streams.ts';
import { podTargets } from './server/streams-targets.ts';
import { StatusWriter } from './status-writer.ts';
import { mountMemoryDir } from './volumes/memory-dir.ts';
import { WatchedObjects } from './volumes/referenced-objects.ts';
import { TokenSource } from './volumes/token-source.ts';
import { readText } from './read-text.ts';

export interface KubeletDeps {
  client: Client;
  cri: Cri;
  clock: Clock;
  rng: Rng;
  log: Logger;
  /** The machine's own unless told. */
  cgroups?: Cgroups;
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
  reserved?: { cpuMillis?: number; memoryBytes?: number };
  /** Absent: no server. */
  server?: KubeletServerOptions;
}

export interface Kubelet {
  /** The port that the HTTPS server really listens on; undefined without one. */
  readonly port: number | undefined;
  /** Ends the agent; containers run on. Resolves when nothing of it is under way any more. */
  stop(): Promise<void>;
}

const relistMs = 1000;
const housekeepingMs = 10_000;
const defaultPort = 10_250;

/**
 * Starts the node agent: registers the node, runs the pods that the API binds to it, reports their status, serves logs.
 * Resolves when the node is registered and pods are being served. Rejects only when this machine cannot run pods at all.
 */
export async function startKubelet(deps: KubeletDeps, options: KubeletOptions): Promise<Kubelet> {
  const { client, cri, clock, rng, log } = deps;
  const { nodeName, nodeIps, dataDir, cgroupRoot } = options;
  const paths = new PodPaths(dataDir);
  for (const dir of [paths.podsDir, paths.logsDir]) await mkdir(dir, { recursive: true, mode: 0o750 });
  await mountMemoryDir(paths.memoryDir, runCommand);
  const cgroups = deps.cgroups ?? (await detectCgroups());
  const machine = await readMachine(dataDir);
  const identity = {
    nodeName,
    nodeIps,
    kubeletPort: options.server?.port ?? defaultPort,
    maxPods: options.maxPods ?? 110,
    reserved: options.reserved,
  };
  const allocatable = allocatableOf(machine, identity);

  const serviceInformer = new Informer<Service>({ client, clock, rng, log }, services);
  const podInformer = new Informer<Pod>({ client, clock, rng, log }, pods, {
    fieldSelector: `spec.nodeName=${nodeName}`,
  });
  const recorder = new BroadcastingRecorder({ client, clock, log }, { component: 'kubelet', host: nodeName });
  const statusWriter = new StatusWriter({ client, clock, log });
  const objects = new WatchedObjects({ client, clock, rng, log }, (uids) => dispatcher.referencesChanged(uids));
  const tokens = new TokenSource({ client, clock });
  const fieldsOf = (pod: Pod): FieldContext => ({ podIps: dispatcher.podIpsOf(pod), hostIps: nodeIps, allocatable });
  const volumes = new VolumesHook({ clock, rng, log, paths, objects, tokens, fieldsOf, run: runCommand });
  const images = new Images({ images: cri.images, clock, objects });
  const hooks = podHooks({ cgroups, cgroupRoot, paths, clusterDomain: options.clusterDomain, volumes });
  const operations = new PodOperations(
    {
      cri,
      clock,
      images,
      hooks,
      objects,
      files: podFiles(paths),
      logDirOf: (pod) => paths.logDir(pod),
      limiter: new Limiter(2 * os.availableParallelism()),
      services: () => serviceInformer.list(),
    },
    {
      cgroupParentOf: (pod) => podCgroup(cgroupRoot, pod),
      dns: { servers: options.clusterDns, domain: options.clusterDomain },
      hostDns: parseResolvConf(await readText(options.resolvConf ?? '/etc/resolv.conf')),
      hostIps: nodeIps,
      allocatable,
      memoryCapacityBytes: machine.memoryBytes,
    },
  );
  const reporter = new NodeReporter({ client, cri, clock, log }, { ...identity, dataDir, labels: options.nodeLabels });
  const dispatcher: PodDispatcher = new PodDispatcher(
    { cri, clock, log, recorder, operations, statusWriter, volumes },
    {
      hostIps: nodeIps,
      node: () => reporter.node ?? { metadata: { name: nodeName }, spec: {}, status: { allocatable } },
    },
  );

  await reporter.start();
  serviceInformer.start();
  podInformer.start();
  await Promise.all([serviceInformer.synced, podInformer.synced]);
  await dispatcher.start(podInformer);
  const housekeeping = async () => {
    const known = dispatcher.knownUids();
    if (known) await removeOrphans({ paths, cgroups, cgroupRoot }, known);
    await rotateLogs({ runtime: cri.runtime, paths, clock }, dispatcher.runningContainers());
  };
  const stopRelist = every(clock, relistMs, () => dispatcher.relistSoon());
  const stopHousekeeping = every(clock, housekeepingMs, () => {
    housekeeping().catch((error: unknown) => log.warn({ error: String(error) }, 'housekeeping failed'));
  });
  const streams = streamsHandler({ runtime: cri.runtime, targets: podTargets(dispatcher), log });
  const served = options.server && { streams, ...options.server };
  const server = served ? new KubeletServer({ clock, log, paths, pods: dispatcher }, served) : undefined;
  const port = await server?.listen();
  recorder.event(
    { kind: nodes.kind, apiVersion: 'v1', name: nodeName, uid: nodeName },
    'Normal',
    'Starting',
    'Starting kubelet.',
  );
  log.info({ node: nodeName, port }, 'kubelet started');

  return {
    port,
    async stop() {
      stopRelist();
      stopHousekeeping();
      for (const informer of [podInformer, serviceInformer]) informer.stop();
      reporter.stop();
      volumes.stop();
      await server?.close();
      await dispatcher.stop();
      objects.stop();
      statusWriter.stop();
      recorder.stop();
    },
  };
}
