import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { registrationMethods } from '../plugins/registration-api.ts';
import { GrpcServer, type UnaryHandler } from '../../rpc/grpc-server.ts';
import { RpcError, type RpcErrorCode } from '../../rpc/rpc-error.ts';
import { type NodeCapability, type NodeInfo, nodeServiceMethods } from './csi-api.ts';

export interface FakeDriverOptions {
  /** The node's folder: sockets are made below it. */
  root: string;
  name?: string;
  info?: NodeInfo | (() => NodeInfo);
  capabilities?: readonly NodeCapability[];
  versions?: readonly string[];
  /** Where it says that it listens; where it does unless told. */
  endpoint?: string;
  /** Where a path that it is told is on this machine. */
  place?: (path: string) => string;
  /** Puts something where the volume is published, and takes it away again; a folder of its own unless told. */
  publish?: (target: string, volumeId: string) => Promise<void>;
  unpublish?: (target: string) => Promise<void>;
}

export interface DriverCall {
  name: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests read whatever a call has
  request: any;
}

/**
 * A CSI driver and its node-driver-registrar in one, over real sockets: registers itself as such drivers do, notes what it is
 * asked and does as it is told to. Its storage are folders.
 */
export class FakeDriver {
  /** What it was asked, oldest first, without questions about itself. */
  readonly calls: DriverCall[] = [];
  /** Answers of the node to its registration. */
  readonly answers: { pluginRegistered?: boolean; error?: string }[] = [];
  /** The next calls of a name fail so. */
  readonly failures = new Map<string, RpcErrorCode>();
  /** Whether a call fails, and whether that is before or after it is done. */
  fate: (call: DriverCall) => { code: RpcErrorCode; isDone: boolean } | undefined = () => undefined;
  /** Told of each call. */
  onCall: (call: DriverCall) => void = () => {};
  readonly name: string;
  readonly #options: FakeDriverOptions;
  #servers: GrpcServer[] = [];

  constructor(options: FakeDriverOptions) {
    this.#options = options;
    this.name = options.name ?? 'disk.example.com';
  }

  get #folder(): string {
    return join(this.#options.root, 'plugins', this.name);
  }

  get #registrySocket(): string {
    return join(this.#options.root, 'plugins_registry', `${this.name}-reg.sock`);
  }

  /** Listens, then registers. */
  async start(): Promise<void> {
    const socket = join(this.#folder, 'csi.sock');
    await mkdir(this.#folder, { recursive: true });
    await rm(socket, { force: true });
    const node = [...nodeServiceMethods()].map(([name, method]) => ({
      method,
      unary: (request: object) => this.#answer(name, request),
    }));
    this.#servers.push(await GrpcServer.listen(socket, node));
    await mkdir(join(this.#options.root, 'plugins_registry'), { recursive: true });
    await rm(this.#registrySocket, { force: true });
    const { name, versions = ['1.0.0'], endpoint = socket } = { ...this.#options, name: this.name };
    const handlers: Record<string, UnaryHandler> = {
      GetInfo: async () => ({ type: 'CSIPlugin', name, endpoint, supportedVersions: versions }),
      NotifyRegistrationStatus: async (status) => {
        this.answers.push(status);
        this.onCall({ name: 'NotifyRegistrationStatus', request: status });
        return {};
      },
    };
    const registration = [...registrationMethods()].map(([call, method]) => ({ method, unary: handlers[call] }));
    this.#servers.push(await GrpcServer.listen(this.#registrySocket, registration));
  }

  /** Ends it, as its pod would: the registration socket goes. */
  async stop(): Promise<void> {
    for (const server of this.#servers) server.close();
    this.#servers = [];
    await rm(this.#registrySocket, { force: true });
  }

  /** Names of the calls so far. */
  get names(): string[] {
    return this.calls.map(({ name }) => name);
  }

  async #answer(name: string, request: object): Promise<object> {
    const { info = { nodeId: 'here' }, capabilities = ['STAGE_UNSTAGE_VOLUME'] } = this.#options;
    if (name === 'NodeGetInfo') return typeof info === 'function' ? info() : info;
    if (name === 'NodeGetCapabilities') return { capabilities: capabilities.map((type) => ({ rpc: { type } })) };
    const call: DriverCall = { name, request };
    this.calls.push(call);
    this.onCall(call);
    const failure = this.failures.get(name);
    if (failure) throw new RpcError(failure, `${name} fails`);
    const fate = this.fate(call);
    const answer = fate?.isDone === false ? {} : await this.#do(call);
    if (fate) throw new RpcError(fate.code, `${name} fails`);
    return answer;
  }

  async #do({ name, request }: DriverCall): Promise<object> {
    const place = this.#options.place ?? ((path: string) => path);
    const { publish = (path) => mkdir(path, { recursive: true }).then(() => undefined) } = this.#options;
    const { unpublish = (path) => rm(path, { recursive: true, force: true }) } = this.#options;
    if (name === 'NodePublishVolume') await publish(place(request.targetPath), request.volumeId);
    if (name === 'NodeUnpublishVolume') await unpublish(place(request.targetPath));
    if (name === 'NodeExpandVolume') return { capacityBytes: request.capacityRange?.requiredBytes ?? 0 };
    return {};
  }
}
