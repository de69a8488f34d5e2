import type { PodSandboxConfig, RuntimeHandler } from '../api/generated/cri.ts';
import type { ImageVolumeSource, Pod, Service } from '../api/generated/types.ts';
import type { Clock } from '../base/clock.ts';
import type { EventType } from '../client/event-recorder.ts';
import type { Cri } from '../cri/cri.ts';
import { hasRpcCode } from '../rpc/rpc-error.ts';
import { containerConfig } from './config/container-config.ts';
import { type ClusterDns, dnsConfigOf } from './config/dns-config.ts';
import { containerEnv, type EnvFiles, type ReferencedObjects } from './config/env.ts';
import { containerResources } from './config/resources.ts';
import { sandboxConfig } from './config/sandbox-config.ts';
import type { ContainerExtras, PodHook } from './hooks/hook.ts';
import type { EnsuredImage, Images } from './images.ts';
import { runHandler } from './lifecycle-handler.ts';
import type { Cdi } from './cdi/cdi.ts';
import type { Limiter } from './limiter.ts';
import type { PodFiles } from './pod-files.ts';
import { canMountReadOnlyRecursively } from './runtime-handler.ts';
import { containerOf as viewOf, RuntimeView } from './runtime-view.ts';
import { type AnyContainer, containerOf } from './worker/pod-spec.ts';
import type { RuntimeContainer, RuntimeSandbox } from './worker/state.ts';

export interface OperationDeps {
  cri: Cri;
  clock: Clock;
  /** Shared by all pods: how much the runtime is asked to do at once. Pulls and stops, which mostly wait, do not count. */
  limiter: Limiter;
  cdi: Pick<Cdi, 'resolve'>;
  images: Images;
  hooks: readonly PodHook[];
  objects: ReferencedObjects;
  files: PodFiles;
  /** What variables can be read from. */
  envFiles: EnvFiles;
  /** Where the runtime is to write the pod's logs. */
  logDirOf(pod: Pod): string;
  /** Resolves when the node's network is ready for what runs in a pod with these addresses; absent: at once. */
  admit?: ((pod: Pod, addresses: readonly string[]) => Promise<void>) | undefined;
  /** The runtime's name for what the pod's runtime class means; undefined: the usual one. Rejects when there is no such class. */
  runtimeHandlerOf(pod: Pod): Promise<string | undefined>;
  /** The services that pods may see in their environment. */
  services(): readonly Service[];
}

export interface OperationOptions {
  cgroupParentOf(pod: Pod): string;
  dns: ClusterDns;
  /** Of the node itself. */
  hostDns: Required<{ servers: string[]; searches: string[]; options: string[] }>;
  hostIps: readonly string[];
  allocatable: Readonly<Record<string, string>>;
  memoryCapacityBytes: number;
  /** What the runtime tells of the ways that it can run pods; nothing, if it is an older one. */
  runtimeHandlers(): readonly RuntimeHandler[];
}

export interface StartInput {
  name: string;
  attempt: number;
  round: number;
  sandbox: RuntimeSandbox;
  /** The container id of the one an ephemeral container looks at. */
  targetId?: string;
  signal: AbortSignal;
  say(type: EventType, reason: string, message: string): void;
  /** Told as soon as the runtime knows the container: its end may come before its start is reported. */
  created(container: RuntimeContainer): void;
}

/** The least time StopContainer gives a container after its preStop hook used up the grace period. */
const minStopSeconds = 2;
/** How long a postStart hook may take at most. */
const postStartMs = 120_000;

/** What pod workers want done, done: the hooks and the runtime. Holds no state of pods. */
export class PodOperations {
  readonly #deps: OperationDeps;
  readonly #options: OperationOptions;

  constructor(deps: OperationDeps, options: OperationOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  async prepare(pod: Pod, signal: AbortSignal): Promise<void> {
    for (const hook of this.#deps.hooks) await hook.prepare?.(pod, signal);
  }

  async runSandbox(pod: Pod, attempt: number): Promise<RuntimeSandbox> {
    const { runtime } = this.#deps.cri;
    const config = this.#sandboxConfig(pod, attempt);
    const runtimeHandler = await this.#deps.runtimeHandlerOf(pod);
    const request = { config, ...(runtimeHandler ? { runtimeHandler } : {}) };
    const { podSandboxId = '' } = await this.#deps.limiter.run(() => runtime.RunPodSandbox(request));
    const sandbox = await new RuntimeView(runtime).sandbox(podSandboxId);
    if (!sandbox) throw new Error(`sandbox ${podSandboxId} is gone`);
    return sandbox;
  }

  /** Whether what runs that way can have mounts that are read-only with all below them. */
  mountsReadOnlyRecursively(handler: string | undefined): boolean {
    return canMountReadOnlyRecursively(this.#options.runtimeHandlers(), handler);
  }

  /** Image, environment, mounts, create, start. Answers the container's id. */
  async startContainer(pod: Pod, input: StartInput): Promise<string> {
    const { sandbox, signal, say } = input;
    const container = containerOf(pod, input.name);
    if (!container) throw new Error(`container ${input.name} is not in the spec`);
    const podConfig = this.#sandboxConfig(pod, sandbox.attempt);
    const request = { pod, sandboxConfig: podConfig, say };
    for (const { reference = '', pullPolicy } of mountedImages(pod, container))
      await abortable(signal, this.#deps.images.ensure({ ...request, image: reference, pullPolicy }));
    const { image: name = '', imagePullPolicy: pullPolicy } = container;
    const image = await abortable(signal, this.#deps.images.ensure({ ...request, image: name, pullPolicy }));
    await abortable(signal, this.#deps.admit?.(pod, sandbox.ips) ?? Promise.resolve());
    return this.#deps.limiter.run(() => this.#createAndStart(pod, { ...input, image, podConfig }), { first: true });
  }

  /** The pod's own control group and its containers, from what they have to what they are to have. */
  async resize(before: Pod, after: Pod, containers: readonly { name: string; id: string }[]): Promise<void> {
    const { hooks, cri } = this.#deps;
    const { memoryCapacityBytes } = this.#options;
    const update = async () => {
      for (const { name, id: containerId } of containers) {
        const container = containerOf(after, name);
        if (!container) continue;
        const linux = containerResources(after, container, memoryCapacityBytes);
        await cri.runtime.UpdateContainerResources({ containerId, linux });
      }
    };
    const around = hooks.reduce((inner, { resize }) => (resize ? () => resize(before, after, inner) : inner), update);
    await around();
  }

  async postStart(pod: Pod, name: string, target: { id: string; podIp: string }): Promise<void> {
    const container = containerOf(pod, name);
    const handler = container?.lifecycle?.postStart;
    if (!container || !handler) return;
    const { clock, cri } = this.#deps;
    const input = { container, containerId: target.id, podIp: target.podIp, timeoutMs: postStartMs };
    await runHandler(handler, input, { clock, runtime: cri.runtime }).catch((error: unknown) => {
      throw new Error(`PostStartHook failed: ${text(error)}`, { cause: error });
    });
  }

  /** preStop within the grace period, then the runtime's stop with what is left of it. */
  async stopContainer(pod: Pod, name: string, input: StopInput): Promise<RuntimeContainer | undefined> {
    const { clock, cri } = this.#deps;
    const startedAtMs = clock.now();
    const handler = input.runPreStop ? containerOf(pod, name)?.lifecycle?.preStop : undefined;
    if (handler) await this.#preStop(pod, name, input);
    const leftSeconds = input.graceSeconds - Math.floor((clock.now() - startedAtMs) / 1000);
    const timeout = handler ? Math.max(leftSeconds, minStopSeconds) : input.graceSeconds;
    await cri.runtime.StopContainer({ containerId: input.id, timeout }).catch(ignoreNotFound);
    return this.endedContainer(pod, { id: input.id, sandboxId: '' });
  }

  /** The container with its last words; undefined when the runtime has it no more. */
  async endedContainer(pod: Pod, ref: { id: string; sandboxId: string }): Promise<RuntimeContainer | undefined> {
    const container = await new RuntimeView(this.#deps.cri.runtime).container(ref);
    if (container?.state !== 'exited') return container;
    return { ...container, message: (await this.messageOf(pod, container)) || container.message };
  }

  messageOf(pod: Pod, ended: { name: string; attempt: number; exitCode: number }): Promise<string> {
    return this.#deps.files.lastWords(pod, ended);
  }

  async removeContainer(pod: Pod, { id, name, attempt }: { id: string; name: string; attempt: number }): Promise<void> {
    await this.#deps.cri.runtime.RemoveContainer({ containerId: id }).catch(ignoreNotFound);
    await this.#deps.files.removeContainer(pod, { name, attempt });
  }

  async stopSandbox(id: string): Promise<void> {
    await this.#deps.cri.runtime.StopPodSandbox({ podSandboxId: id }).catch(ignoreNotFound);
  }

  async removeSandbox(id: string): Promise<void> {
    await this.#deps.cri.runtime.RemovePodSandbox({ podSandboxId: id }).catch(ignoreNotFound);
  }

  async teardown(pod: Pod): Promise<void> {
    for (const hook of this.#deps.hooks.toReversed()) await hook.teardown?.(pod);
  }

  async remove(pod: Pod, sandboxes: readonly string[]): Promise<void> {
    for (const id of sandboxes) {
      await this.stopSandbox(id);
      await this.removeSandbox(id);
    }
    for (const hook of this.#deps.hooks.toReversed()) await hook.remove?.(pod);
    this.#deps.images.forget(pod.metadata.uid ?? '');
  }

  async #createAndStart(
    pod: Pod,
    input: StartInput & { image: EnsuredImage; podConfig: PodSandboxConfig },
  ): Promise<string> {
    const { runtime } = this.#deps.cri;
    const { attempt, sandbox, signal, image, podConfig } = input;
    const config = await this.#containerConfig(pod, input, image);
    signal.throwIfAborted();
    const request = { podSandboxId: sandbox.id, config, sandboxConfig: podConfig };
    const { containerId = '' } = await create(() => runtime.CreateContainer(request));
    const { labels, annotations } = config;
    input.created({
      ...viewOf({ id: containerId, labels, annotations, state: 'CONTAINER_CREATED' }),
      sandboxId: sandbox.id,
      createdAtMs: this.#deps.clock.now(),
      attempt,
      imageId: image.ref,
    });
    signal.throwIfAborted();
    await runtime.StartContainer({ containerId }).catch((error: unknown) => {
      throw new StartError(containerId, error);
    });
    return containerId;
  }

  #sandboxConfig(pod: Pod, attempt: number): PodSandboxConfig {
    const { dns, hostDns, cgroupParentOf } = this.#options;
    return sandboxConfig(pod, attempt, {
      logDirectory: this.#deps.logDirOf(pod),
      cgroupParent: cgroupParentOf(pod),
      dns: dnsConfigOf(pod, dns, hostDns),
      clusterDomain: dns.domain,
    });
  }

  async #containerConfig(pod: Pod, { name, attempt, round, sandbox, targetId }: StartInput, image: EnsuredImage) {
    const container = containerOf(pod, name);
    if (!container) throw new Error(`container ${name} is not in the spec`);
    const { hostIps, allocatable, memoryCapacityBytes } = this.#options;
    const podIps = pod.spec.hostNetwork ? hostIps : sandbox.ips;
    const { objects, services, hooks, envFiles } = this.#deps;
    const asked: ContainerExtras[] = [];
    for (const hook of hooks) asked.push(...((await hook.extras?.({ pod, container })) ?? []));
    const extras = await this.#deps.cdi.resolve(asked);
    const sources = { podIps, hostIps, allocatable, objects, services: services(), files: envFiles };
    const own = await containerEnv(pod, container, sources);
    const env = new Map([...extras.flatMap((extra) => Object.entries(extra.env)), ...own]);
    const mountsReadOnlyRecursively = this.mountsReadOnlyRecursively(sandbox.handler);
    const wanted = { pod, container, attempt, podIps, env, mountsReadOnlyRecursively };
    const lists = extras.map(({ mounts }) => mounts);
    for (const hook of hooks) lists.push((await hook.mounts?.(wanted)) ?? []);
    const { id: imageId, user } = image;
    return containerConfig(pod, container, {
      attempt,
      round,
      imageId,
      image: user,
      env,
      mounts: lists.flat(),
      extras,
      memoryCapacityBytes,
      targetId,
    });
  }

  async #preStop(pod: Pod, name: string, input: StopInput): Promise<void> {
    const container = containerOf(pod, name);
    const handler = container?.lifecycle?.preStop;
    if (!container || !handler) return;
    const { clock, cri } = this.#deps;
    const target = { container, containerId: input.id, podIp: input.podIp, timeoutMs: input.graceSeconds * 1000 };
    await runHandler(handler, target, { clock, runtime: cri.runtime }).catch((error: unknown) => {
      input.say('Warning', 'FailedPreStopHook', `PreStopHook failed: ${text(error)}`);
    });
  }
}

/** The images that the container mounts as volumes. */
const mountedImages = ({ spec }: Pod, { volumeMounts = [] }: AnyContainer): ImageVolumeSource[] =>
  (spec.volumes ?? []).flatMap(({ name, image }) =>
    image && volumeMounts.some((mount) => mount.name === name) ? [image] : [],
  );

export interface StopInput {
  id: string;
  graceSeconds: number;
  runPreStop: boolean;
  podIp: string;
  say(type: EventType, reason: string, message: string): void;
}

/** The container was created but could not be started; the runtime keeps it as ended. */
export class StartError extends Error {
  override readonly name = 'StartError';
  readonly containerId: string;

  constructor(containerId: string, cause: unknown) {
    super(text(cause), { cause });
    this.containerId = containerId;
  }
}

/** The runtime refused to create the container. */
export class CreateError extends Error {
  override readonly name = 'CreateError';
}

async function create<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw new CreateError(text(error), { cause: error });
  }
}

const text = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function ignoreNotFound(error: unknown): void {
  if (!hasRpcCode(error, 'NotFound')) throw error;
}

/** Rejects as soon as the signal aborts; what was begun goes on by itself (a pull serves other pods too). */
function abortable<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
