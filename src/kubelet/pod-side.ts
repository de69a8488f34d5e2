import type { RuntimeHandler } from '../api/generated/cri.ts';
import { serviceaccounts, services } from '../api/generated/resources.ts';
import type { Node, PersistentVolume, Pod, Service } from '../api/generated/types.ts';
import type { BroadcastingRecorder } from '../client/event-recorder.ts';
import { Informer } from '../client/informer.ts';
import { removeTree } from '../cri/mounts.ts';
import { runCommand } from '../host/command.ts';
import type { Cgroups } from './cgroup/cgroups.ts';
import { parseResolvConf } from './config/dns-config.ts';
import type { FieldContext } from './config/field-ref.ts';
import type { CsiVolumes } from './csi/csi-volumes.ts';
import type { DeviceManager } from './devices/device-manager.ts';
import type { Pressure } from './eviction/thresholds.ts';
import { podCgroup } from './hooks/cgroup.ts';
import { podHooks } from './hooks/hooks.ts';
import { VolumesHook, type VolumesHookDeps } from './hooks/volumes.ts';
import { CredentialProviders } from './credential-providers/credential-providers.ts';
import { createImageAccess, type ImageAccess } from './image-access/image-access.ts';
import { Images, type ImagesDeps } from './images.ts';
import type { KubeletDeps, KubeletOptions } from './kubelet.ts';
import { Cdi } from './cdi/cdi.ts';
import type { ClaimedDevices } from './dra/claimed-devices.ts';
import type { Limiter } from './limiter.ts';
import { LocalVolumes } from './local-volumes.ts';
import type { Machine } from './node/machine.ts';
import { allocatableOf, type NodeIdentity } from './node/node-object.ts';
import { PodDispatcher } from './pod-dispatcher.ts';
import { podFiles } from './pod-files.ts';
import { type OperationOptions, PodOperations } from './pod-operations.ts';
import type { PodPaths } from './pod-paths.ts';
import { readText } from './read-text.ts';
import { MirrorPods } from './static-pods/mirror-pods.ts';
import { StaticPods } from './static-pods/static-pods.ts';
import { runtimeHandlers } from './runtime-handler.ts';
import type { StorageReaderDeps } from './usage/storage-reader.ts';
import { StatusWriter } from './status-writer.ts';
import { claimReader } from './volumes/claim-reader.ts';
import { ImageMounts } from './volumes/image-mounts.ts';
import { WatchedObjects } from './volumes/referenced-objects.ts';
import type { TokenSource } from './volumes/token-source.ts';
import { readVolumeFile } from './volumes/volume-file.ts';

export interface NodeSurroundings {
  paths: PodPaths;
  cgroups: Cgroups;
  machine: Machine;
  identity: NodeIdentity;
  /** The node's object, once it is registered. */
  node(): Node | undefined;
  /** What the runtime told last of the ways that it can run pods. */
  runtimeHandlers(): readonly RuntimeHandler[];
  pressures(): ReadonlySet<Pressure>;
  isShuttingDown(): boolean;
  devices: DeviceManager;
  claimedDevices: ClaimedDevices;
  csi: CsiVolumes;
  recorder: BroadcastingRecorder;
  tokens: TokenSource;
  /** Through which pods go to the runtime. */
  limiter: Limiter;
}

/** Everything that runs pods, put together. */
export interface PodSide {
  dispatcher: PodDispatcher;
  /** What is asked to measure what pods have on disks. */
  storage: StorageReaderDeps;
  imageAccess: ImageAccess;
  /** Undoes what a pod has beyond its folder, also a pod that only an earlier agent knew; only then the folder may go. */
  releaseVolumes(podUid: string): Promise<void>;
  /** Adds the pods of the folder of manifests, and follows it from then on. */
  addStatics(): Promise<void>;
  /** Resolves when the services are known that containers see in their environment. */
  synced: Promise<void>;
  start(): void;
  stop(): void;
}

export async function createPodSide(
  deps: KubeletDeps,
  options: KubeletOptions,
  around: NodeSurroundings,
): Promise<PodSide> {
  const { client, cri, clock, rng, log } = deps;
  const { nodeIps, nodeName, cgroupRoot, clusterDomain } = options;
  const { paths, cgroups, devices, claimedDevices, csi, tokens, recorder, pressures, isShuttingDown } = around;
  const { staticPodPath, podPidsLimit: maxPids } = options.settings ?? {};
  const operationOptions = await operationOptionsOf(options, around);
  const { allocatable, hasAppArmor } = operationOptions;
  const serviceInformer = new Informer<Service>({ client, clock, rng, log }, services);
  const statusWriter = new StatusWriter({ client, clock, log });
  const mirrors = new MirrorPods({ client, clock, log, node: around.node, statuses: statusWriter });
  const objects = new WatchedObjects({ client, clock, rng, log }, (uids) => dispatcher.referencesChanged(uids));
  const fieldsOf = (pod: Pod): FieldContext => ({ podIps: dispatcher.podIpsOf(pod), hostIps: nodeIps, allocatable });
  const volumes = createVolumes(deps, { paths, objects, tokens, csi, fieldsOf, nodeName });
  const removeData = ({ spec }: PersistentVolume) => removeTree(paths.localVolumeDir(spec.csi?.volumeHandle ?? ''));
  const localVolumes = new LocalVolumes({ client, clock, rng, log, removeData }, nodeName);
  const imageAccess = await createImageAccess({ clock, log, cri, paths }, options.settings);
  const operations = new PodOperations(
    {
      ...{ cri, clock, objects },
      images: createImages(deps, options, { objects, access: imageAccess, tokens }),
      hooks: podHooks({ cgroups, cgroupRoot, paths, clusterDomain, volumes, devices, claimedDevices, maxPids }),
      files: podFiles(paths),
      envFiles: { volumePath: (uid, name) => volumes.pathsOf(uid).get(name), read: readVolumeFile },
      logDirOf: (pod) => paths.logDir(pod),
      admit: deps.admitToNetwork,
      limiter: around.limiter,
      cdi: new Cdi({ runtime: cri.runtime, log }),
      services: () => serviceInformer.list(),
      runtimeHandlerOf: runtimeHandlers(client),
    },
    operationOptions,
  );
  const unregistered = { metadata: { name: nodeName }, spec: {}, status: { allocatable } };
  const dispatcher: PodDispatcher = new PodDispatcher(
    {
      ...{ cri, clock, log, recorder, operations, statusWriter, volumes, mirrors },
      devicesOf: (uid, container) => devices.healthOf(uid, container),
      finished: (uid) => statics?.finished(uid),
    },
    { hostIps: nodeIps, node: () => around.node() ?? unregistered, pressures, isShuttingDown, hasAppArmor },
  );
  devices.usePods({
    mayUse: (uid) => dispatcher.mayUse(uid),
    healthChanged: (uids) => dispatcher.devicesChanged(uids),
  });
  const statics = staticPodPath
    ? new StaticPods({ clock, log, mirrors, pods: dispatcher }, { folder: staticPodPath, nodeName })
    : undefined;
  const parts = [mirrors, serviceInformer, localVolumes, volumes, objects, statusWriter, recorder];
  return {
    ...{ dispatcher, imageAccess, storage: { paths, volumePaths: (uid) => volumes.pathsOf(uid) } },
    releaseVolumes: (uid) => volumes.release(uid),
    addStatics: async () => statics?.start(),
    synced: serviceInformer.synced,
    start() {
      serviceInformer.start();
      localVolumes.start();
      mirrors.start();
    },
    stop() {
      statics?.stop();
      for (const part of parts) part.stop();
    },
  };
}

function createImages(
  { client, cri, clock, log }: KubeletDeps,
  { credentialProviders = [] }: KubeletOptions,
  { tokens, ...own }: Pick<ImagesDeps, 'objects' | 'access'> & Pick<NodeSurroundings, 'tokens'>,
): Images {
  const serviceAccount = (namespace: string, name: string) => client.get(serviceaccounts, { namespace, name });
  const around = { clock, log, run: runCommand, tokens, serviceAccount };
  const providers = new CredentialProviders(around, credentialProviders);
  return new Images({ ...own, images: cri.images, clock, providers });
}

type OfVolumes = Pick<VolumesHookDeps, 'paths' | 'objects' | 'tokens' | 'csi' | 'fieldsOf' | 'nodeName'>;

function createVolumes({ client, cri, clock, rng, log }: KubeletDeps, own: OfVolumes): VolumesHook {
  const { paths } = own;
  return new VolumesHook({
    ...{ ...own, clock, rng, log, run: runCommand },
    claims: claimReader(client),
    imageMounts: new ImageMounts({ files: cri.imageFiles, paths, run: runCommand }),
    localVolumeDir: (name) => paths.localVolumeDir(name),
    nodePath: (path) => paths.ofKubelet(path),
  });
}

async function operationOptionsOf(
  options: KubeletOptions,
  around: NodeSurroundings,
): Promise<OperationOptions & { allocatable: Record<string, string>; hasAppArmor: boolean }> {
  return {
    cgroupParentOf: (pod) => podCgroup(options.cgroupRoot, pod),
    dns: { servers: options.clusterDns, domain: options.clusterDomain },
    hostDns: parseResolvConf(await readText(options.resolvConf ?? '/etc/resolv.conf')),
    hostIps: options.nodeIps,
    allocatable: allocatableOf(around.machine, around.identity),
    memoryCapacityBytes: around.machine.memoryBytes,
    runtimeHandlers: () => around.runtimeHandlers(),
    hasAppArmor: (await readText('/sys/module/apparmor/parameters/enabled')).startsWith('Y'),
  };
}
