import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Container, Pod, ResourceStatus } from '../../api/generated/types.ts';
import { wholeValue } from '../../api/meta/quantity.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import { GrpcServer } from '../../rpc/grpc-server.ts';
import { RpcError } from '../../rpc/rpc-error.ts';
import type { AnyContainer } from '../worker/pod-spec.ts';
import { type Allocations, type DeviceInfo, fromJson, pickDevices, toJson, usedOf } from './allocations.ts';
import { type ContainerAllocation, deviceApis, type RegisterRequest } from './device-plugin-api.ts';
import { PluginClient } from './plugin-client.ts';

export interface DeviceManagerDeps {
  clock: Clock;
  log: Logger;
  /** What the node has of devices is something else now. */
  changed(): void;
}

/** Devices of a plugin that is gone count as not healthy this long, then they are forgotten: it may only be restarting. */
const stopGraceMs = 300_000;
const apiVersion = 'v1beta1';

interface Resource {
  devices: Map<string, DeviceInfo>;
  client?: PluginClient;
  cancelForget(): void;
}

/** The pods that have devices. */
export interface DeviceUsers {
  /** Whether a pod may still use what it was given. */
  mayUse(podUid: string): boolean;
  /** Devices that these pods have are well now, or not any more. */
  healthChanged(podUids: readonly string[]): void;
}

/** So many of a resource, all there are and those that can be used. */
export interface DeviceCount {
  capacity: number;
  allocatable: number;
}

/**
 * The devices that plugins offer (KEP-3573): plugins register at a socket, say what there is and how it is, and are asked for what a
 * container needs to use it. Who has what is kept in a file, so that a restarted agent knows it.
 */
export class DeviceManager {
  readonly #deps: DeviceManagerDeps;
  readonly #folder: string;
  readonly #apis = deviceApis();
  readonly #resources = new Map<string, Resource>();
  #allocations: Allocations = new Map();
  #server: GrpcServer | undefined;
  #pods: DeviceUsers = { mayUse: () => true, healthChanged: () => {} };
  /** One write of the file at a time. */
  #saving: Promise<void> = Promise.resolve();

  constructor(deps: DeviceManagerDeps, folder: string) {
    this.#deps = deps;
    this.#folder = folder;
  }

  /** Listens for plugins; a new socket is what tells those of before to register again. */
  async start(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o750 });
    const { resources = [], allocations = {} } = JSON.parse(await readFile(this.#file, 'utf8').catch(() => '{}'));
    this.#allocations = fromJson(allocations);
    // Known from before: their plugins register again.
    for (const name of resources) this.#resources.set(name, { devices: new Map(), cancelForget: () => {} });
    const socket = join(this.#folder, 'kubelet.sock');
    await rm(socket, { force: true });
    const method = this.#apis.registration.get('Register');
    if (!method) throw new Error('the registration API has no Register');
    const unary = async (request: object) => this.#register(request);
    this.#server = await GrpcServer.listen(socket, [{ method, unary }]);
  }

  stop(): void {
    this.#server?.close();
    for (const { client, cancelForget } of this.#resources.values()) {
      client?.close();
      cancelForget();
    }
  }

  /** By resource name. */
  counts(): Map<string, DeviceCount> {
    return new Map(
      [...this.#resources].map(([name, { devices }]) => [
        name,
        { capacity: devices.size, allocatable: [...devices.values()].filter(({ isHealthy }) => isHealthy).length },
      ]),
    );
  }

  /** Every device of every resource. */
  all(): Map<string, DeviceInfo[]> {
    return new Map([...this.#resources].map(([name, { devices }]) => [name, [...devices.values()]]));
  }

  /** What a pod's containers have: by container, then resource. */
  of(podUid: string): ReadonlyMap<string, ReadonlyMap<string, readonly string[]>> {
    return this.#allocations.get(podUid) ?? new Map();
  }

  /** Gives a container its devices; those that it has already when it starts again. Rejects in words for the pod's status. */
  async allocate(pod: Pod, container: AnyContainer): Promise<ContainerAllocation[]> {
    const given: ContainerAllocation[] = [];
    for (const [name, count] of this.#wanted(container)) {
      const ids = await this.#assign({ pod, container: container.name }, name, count);
      const client = this.#resources.get(name)?.client;
      if (!client) throw new Error(`no device plugin serves ${name}`);
      given.push(await client.allocate(ids));
      await client.preStart(ids);
    }
    return given;
  }

  /** The pod's devices are free again. */
  async release(podUid: string): Promise<void> {
    if (this.#allocations.delete(podUid)) await this.#save();
  }

  /** From now on devices of pods that are over are free, before they are released: the scheduler has given them to others. */
  usePods(pods: DeviceUsers): void {
    this.#pods = pods;
  }

  /** How a container's devices are, for its status (KEP-4680). */
  healthOf(podUid: string, container: string): ResourceStatus[] {
    const given = [...(this.#allocations.get(podUid)?.get(container) ?? [])];
    return given.map(([name, ids]) => {
      const devices = this.#resources.get(name)?.devices;
      const health = (id: string) => ((devices?.get(id)?.isHealthy ?? true) ? 'Healthy' : 'Unhealthy');
      return { name, resources: ids.map((id) => ({ resourceID: id, health: health(id) })) };
    });
  }

  /** Pods that are not there any more have nothing. */
  async keepOnly(mayKnow: (podUid: string) => boolean): Promise<void> {
    for (const uid of this.#allocations.keys()) if (!mayKnow(uid)) await this.release(uid);
  }

  /** What plugins serve, or did lately: other resources are not devices. */
  #wanted(container: AnyContainer): [name: string, count: number][] {
    const { limits = {} } = (container as Container).resources ?? {};
    return Object.entries(limits).flatMap(([name, quantity]): [string, number][] => {
      const count = this.#resources.has(name) ? wholeValue(quantity) : 0;
      return count > 0 ? [[name, count]] : [];
    });
  }

  async #assign(to: { pod: Pod; container: string }, name: string, count: number): Promise<readonly string[]> {
    const uid = to.pod.metadata.uid ?? '';
    const before = this.#allocations.get(uid)?.get(to.container)?.get(name);
    if (before?.length === count) return before;
    const picked = await this.#pick(name, count);
    if (!picked) {
      const available = this.#free(name).length;
      throw new Error(
        `Allocate failed due to requested number of devices unavailable for ${name}. Requested: ${count}, Available: ${available}, which is unexpected`,
      );
    }
    const containers = this.#allocations.get(uid) ?? new Map<string, Map<string, readonly string[]>>();
    const resources = containers.get(to.container) ?? new Map<string, readonly string[]>();
    this.#allocations.set(uid, containers.set(to.container, resources.set(name, picked)));
    await this.#save();
    return picked;
  }

  #used(name: string): Set<string> {
    return usedOf(new Map([...this.#allocations].filter(([uid]) => this.#pods.mayUse(uid))), name);
  }

  #free(name: string): string[] {
    const used = this.#used(name);
    const devices = this.#resources.get(name)?.devices.values() ?? [];
    return [...devices].filter(({ id, isHealthy }) => isHealthy && !used.has(id)).map(({ id }) => id);
  }

  /** The plugin's wish, if it has one that is possible; else what is near to each other. */
  async #pick(name: string, count: number): Promise<string[] | undefined> {
    const resource = this.#resources.get(name);
    if (!resource) return undefined;
    const wish = await resource.client?.preferred(this.#free(name), count).catch(() => undefined);
    // Others may have been given devices while the plugin thought.
    const free = new Set(this.#free(name));
    if (wish?.length === count && wish.every((id) => free.has(id))) return wish;
    return pickDevices(resource.devices.values(), this.#used(name), count);
  }

  #register(request: RegisterRequest): object {
    const { version, endpoint = '', resourceName = '', options } = request;
    const refuse = (why: string) => new RpcError('InvalidArgument', why);
    if (version !== apiVersion)
      throw refuse(`requested API version ${version} is not supported: it must be ${apiVersion}`);
    if (!/^[a-z0-9.-]+\/[A-Za-z0-9._-]+$/.test(resourceName))
      throw refuse(`invalid name of device plugin socket or resource: ${resourceName}`);
    if (endpoint === '' || basename(endpoint) !== endpoint) throw refuse(`invalid endpoint ${endpoint}`);
    this.#deps.log.info({ resource: resourceName }, 'device plugin registered');
    const resource: Resource = this.#resources.get(resourceName) ?? { devices: new Map(), cancelForget: () => {} };
    resource.cancelForget();
    resource.client?.close();
    this.#resources.set(resourceName, resource);
    this.#save().catch((error: unknown) => this.#deps.log.warn({ error: String(error) }, 'devices are not noted'));
    const client: PluginClient = new PluginClient(
      { socketPath: join(this.#folder, endpoint), options },
      { clock: this.#deps.clock, methods: this.#apis.plugin },
      {
        devices: (devices) => this.#seen(resourceName, resource, devices),
        ended: () => {
          if (resource.client === client) this.#ended(resourceName, resource);
        },
      },
    );
    resource.client = client;
    return {};
  }

  #seen(name: string, resource: Resource, devices: readonly DeviceInfo[]): void {
    resource.devices = new Map(devices.map((device) => [device.id, device]));
    this.#tell(name);
  }

  /** The node, and the pods that have some of it. */
  #tell(name: string): void {
    this.#deps.changed();
    const isUser = ([, containers]: [string, Map<string, Map<string, readonly string[]>>]) =>
      [...containers.values()].some((resources) => resources.has(name));
    this.#pods.healthChanged([...this.#allocations].filter(isUser).map(([uid]) => uid));
  }

  #ended(name: string, resource: Resource): void {
    const { clock, log } = this.#deps;
    log.warn({ resource: name }, 'device plugin is gone');
    delete resource.client;
    for (const device of resource.devices.values()) device.isHealthy = false;
    resource.cancelForget = clock.after(stopGraceMs, () => {
      resource.devices.clear();
      this.#tell(name);
    });
    this.#tell(name);
  }

  get #file(): string {
    return join(this.#folder, 'allocations.json');
  }

  #save(): Promise<void> {
    const write = async () => {
      const next = `${this.#file}.next`;
      await writeFile(
        next,
        JSON.stringify({ resources: [...this.#resources.keys()], allocations: toJson(this.#allocations) }),
        { mode: 0o600 },
      );
      await rename(next, this.#file);
    };
    this.#saving = this.#saving.catch(() => undefined).then(write);
    return this.#saving;
  }
}
