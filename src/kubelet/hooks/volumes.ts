import { join } from 'node:path';
import type { Mount } from '../../api/generated/cri.ts';
import type { Pod, Volume, VolumeMount } from '../../api/generated/types.ts';
import { KeyedTurns } from '../../base/keyed-turns.ts';
import type { Logger } from '../../base/log.ts';
import { removeTree, unmountBelow } from '../../cri/mounts.ts';
import { ConfigError } from '../config/config-error.ts';
import { expand } from '../config/expansion.ts';
import { isRecursivelyReadOnly } from '../config/recursive-read-only.ts';
import type { PodPaths } from '../pod-paths.ts';
import { mountSubPath } from '../volumes/sub-path.ts';
import { MountError, type VolumeDeps, type VolumeInput, type VolumeKind } from '../volumes/volume.ts';
import { isUsedAs } from '../volumes/usage.ts';
import { volumeKinds } from '../volumes/volumes.ts';
import type { WatchedObjects } from '../volumes/referenced-objects.ts';
import type { ContainerExtras, ContainerInput, PodHook } from './hook.ts';

export interface VolumesHookDeps extends VolumeDeps {
  paths: PodPaths;
  objects: WatchedObjects;
  log: Logger;
}

/** A refresh that failed is tried again after this time. */
const retryMs = 10_000;

const propagations = {
  None: 'PROPAGATION_PRIVATE',
  HostToContainer: 'PROPAGATION_HOST_TO_CONTAINER',
  Bidirectional: 'PROPAGATION_BIDIRECTIONAL',
} as const;

/** The pod's volumes: made ready before the sandbox, kept fresh while it runs, mounted into containers as they ask. */
export class VolumesHook implements PodHook {
  readonly name = 'volumes';
  readonly #deps: VolumesHookDeps;
  /** By pod uid: host path by volume name, of those with files and of devices. */
  readonly #ready = new Map<string, Map<string, string>>();
  readonly #devices = new Map<string, Map<string, string>>();
  readonly #timers = new Map<string, () => void>();
  /** One thing at a time in a pod's volumes: a change of an object may meet the pod's own preparation or its end. */
  readonly #turns = new KeyedTurns();

  constructor(deps: VolumesHookDeps) {
    this.#deps = deps;
  }

  prepare(pod: Pod, signal?: AbortSignal): Promise<void> {
    return this.#inTurn(pod, () => this.#prepareAll(pod, signal));
  }

  /** The same for a pod whose volumes are there already; otherwise nothing. */
  refresh(pod: Pod): Promise<void> {
    return this.#inTurn(pod, async () => {
      if (this.#ready.has(pod.metadata.uid ?? '')) await this.#prepareAll(pod);
    });
  }

  #inTurn(pod: Pod, task: () => Promise<void>): Promise<void> {
    return this.#turns.run(pod.metadata.uid ?? '', task);
  }

  async #prepareAll(pod: Pod, signal?: AbortSignal): Promise<void> {
    const uid = pod.metadata.uid ?? '';
    this.#deps.objects.use(pod);
    const [ready, devices] = [new Map<string, string>(), new Map<string, string>()];
    for (const volume of pod.spec.volumes ?? []) {
      const path = await this.#prepareOne(pod, volume, signal);
      (isUsedAs(pod, volume.name, 'volumeDevices') ? devices : ready).set(volume.name, path);
    }
    this.#ready.set(uid, ready);
    this.#devices.set(uid, devices);
    this.#scheduleRefresh(pod);
  }

  async mounts(input: ContainerInput): Promise<Mount[]> {
    const uid = input.pod.metadata.uid ?? '';
    const wanted = input.container.volumeMounts ?? [];
    // The last attempt's sub-path mounts: its container has its own view of them and is gone anyway.
    if (wanted.some(isPartial)) await unmountBelow(this.#deps.paths.subPathDir(uid, input.container.name));
    const mounts: Mount[] = [];
    for (const [index, mount] of wanted.entries()) mounts.push(await this.#mountOf(input, mount, index));
    return mounts;
  }

  /** Devices that the container asks for by volumeDevices. */
  async extras({ pod, container }: Pick<ContainerInput, 'pod' | 'container'>): Promise<ContainerExtras[]> {
    const ready = this.#devices.get(pod.metadata.uid ?? '');
    const devices = (container.volumeDevices ?? []).map(({ name, devicePath }) => {
      const hostPath = ready?.get(name);
      if (hostPath === undefined) throw new ConfigError(`volume "${name}" is not mapped`);
      return { containerPath: devicePath, hostPath, permissions: isReadOnlyClaim(pod, name) ? 'r' : 'mrw' };
    });
    return devices.length > 0 ? [{ env: {}, mounts: [], devices, annotations: {}, cdiDevices: [] }] : [];
  }

  /** Where the pod's volumes are, by name; those that are ready and have files. */
  pathsOf(podUid: string): ReadonlyMap<string, string> {
    return this.#ready.get(podUid) ?? new Map();
  }

  teardown(pod: Pod): Promise<void> {
    return this.#inTurn(pod, () => this.#teardownAll(pod));
  }

  async #teardownAll(pod: Pod): Promise<void> {
    const uid = pod.metadata.uid ?? '';
    this.#timers.get(uid)?.();
    this.#timers.delete(uid);
    this.#ready.delete(uid);
    this.#devices.delete(uid);
    this.#deps.objects.release(uid);
    this.#deps.tokens.forget(uid);
    await this.release(uid);
    await removeTree(this.#deps.paths.podMemoryDir(uid));
  }

  /** Undoes what is not only below the pod's folder; also of a pod that only an earlier agent knew. */
  async release(podUid: string): Promise<void> {
    await this.#deps.csi.teardown(podUid);
    await this.#deps.imageMounts.teardown(podUid);
  }

  stop(): void {
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
  }

  async #prepareOne(pod: Pod, volume: Volume, signal?: AbortSignal): Promise<string> {
    const kind = kindOf(volume);
    try {
      return await kind.prepare({ ...this.#inputOf(pod, volume, kind), signal }, this.#deps);
    } catch (error) {
      if (error instanceof MountError) throw error;
      const text = error instanceof Error ? error.message : String(error);
      throw new Error(`MountVolume.SetUp failed for volume "${volume.name}" : ${text}`, { cause: error });
    }
  }

  #inputOf(pod: Pod, volume: Volume, kind: VolumeKind): VolumeInput {
    const { paths } = this.#deps;
    const uid = pod.metadata.uid ?? '';
    const memoryDir = join(paths.podMemoryDir(uid), volume.name);
    const isReady = [this.#ready, this.#devices].some((all) => all.get(uid)?.has(volume.name));
    return { pod, volume, diskDir: paths.volumeDir(uid, kind.name, volume.name), memoryDir, isReady };
  }

  #scheduleRefresh(pod: Pod): void {
    const { clock, log } = this.#deps;
    const uid = pod.metadata.uid ?? '';
    this.#timers.get(uid)?.();
    this.#timers.delete(uid);
    const times = (pod.spec.volumes ?? []).flatMap(
      (volume) => kindOf(volume).refreshAtMs?.({ pod, volume }, this.#deps) ?? [],
    );
    if (times.length === 0) return;
    const delayMs = Math.max(Math.min(...times) - clock.now(), 1000);
    const refresh = () => {
      this.refresh(pod).catch((error: unknown) => {
        log.warn({ pod: pod.metadata.name, error: String(error) }, 'volumes were not refreshed');
        if (this.#ready.has(uid)) this.#timers.set(uid, clock.after(retryMs, refresh));
      });
    };
    this.#timers.set(uid, clock.after(delayMs, refresh));
  }

  async #mountOf(input: ContainerInput, mount: VolumeMount, index: number): Promise<Mount> {
    const uid = input.pod.metadata.uid ?? '';
    const volumePath = this.#ready.get(uid)?.get(mount.name);
    if (volumePath === undefined) throw new ConfigError(`volume "${mount.name}" is not mounted`);
    const isRecursive = isRecursivelyReadOnly(mount, input.mountsReadOnlyRecursively);
    await this.#fill(input.pod, mount.name);
    const subPath = mount.subPathExpr ? expandStrictly(mount.subPathExpr, input.env) : mount.subPath;
    const target = join(this.#deps.paths.subPathDir(uid, input.container.name), String(index));
    return {
      hostPath: subPath ? await this.#subPath({ volumePath, subPath, target }) : volumePath,
      containerPath: mount.mountPath.startsWith('/') ? mount.mountPath : `/${mount.mountPath}`,
      readonly: (mount.readOnly ?? false) || isReadOnly(input.pod, mount),
      ...(isRecursive ? { recursiveReadOnly: true } : {}),
      propagation: propagations[mount.mountPropagation ?? 'None'],
    };
  }

  async #fill(pod: Pod, volumeName: string): Promise<void> {
    const volume = volumeOf(pod, volumeName);
    if (!volume) return;
    const kind = kindOf(volume);
    await kind.fill?.(this.#inputOf(pod, volume, kind), this.#deps);
  }

  async #subPath(input: { volumePath: string; subPath: string; target: string }): Promise<string> {
    try {
      return await mountSubPath(input, this.#deps.run);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      throw new ConfigError(`failed to prepare subPath for volumeMount: ${text}`);
    }
  }
}

const isPartial = (mount: VolumeMount): boolean => Boolean(mount.subPath || mount.subPathExpr);

const isReadOnly = (pod: Pod, mount: VolumeMount): boolean => {
  const volume = volumeOf(pod, mount.name);
  if (volume && (kindOf(volume).isReadOnly || volume.csi?.readOnly)) return true;
  return isReadOnlyClaim(pod, mount.name);
};

const volumeOf = ({ spec }: Pod, volumeName: string): Volume | undefined =>
  spec.volumes?.find(({ name }) => name === volumeName);

const isReadOnlyClaim = (pod: Pod, volumeName: string): boolean =>
  volumeOf(pod, volumeName)?.persistentVolumeClaim?.readOnly === true;

function kindOf(volume: Volume): VolumeKind {
  const kind = volumeKinds.find(({ handles }) => handles(volume));
  if (!kind) throw new Error(`volume "${volume.name}" is of a kind this node does not know`);
  return kind;
}

/** A path must not come from a variable that is not there. */
function expandStrictly(text: string, env: ReadonlyMap<string, string>): string {
  for (const [, name = ''] of text.matchAll(/\$\(([^)]*)\)/g)) {
    if (!env.has(name)) throw new ConfigError(`missing value for "${name}"`);
  }
  return expand(text, env);
}
