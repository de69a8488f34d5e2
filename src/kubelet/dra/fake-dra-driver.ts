import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GrpcServer, type UnaryHandler } from '../../rpc/grpc-server.ts';
import type { ContainerEdits } from '../cdi/cdi-spec.ts';
import { registrationMethods } from '../plugins/registration-api.ts';
import { type ClaimReference, draMethods, type DraVersion, type PreparedDevice } from './dra-api.ts';

export interface FakeDraDriverOptions {
  /** The node's folder: sockets are made below it. */
  root: string;
  name?: string;
  version?: DraVersion;
  /** Where it describes its devices for container runtimes. */
  cdiFolder: string;
  /** What a claim gets: devices, and what each means for a container. */
  give(
    claim: ClaimReference,
  ): { device: PreparedDevice; edits: ContainerEdits }[] | Promise<{ device: PreparedDevice; edits: ContainerEdits }[]>;
}

/** A driver of claimed devices, over real sockets: registers itself as such drivers do, notes what it is asked, and does it. */
export class FakeDraDriver {
  /** `prepare NAME`, `unprepare NAME`, oldest first. */
  readonly calls: string[] = [];
  readonly answers: { pluginRegistered?: boolean; error?: string }[] = [];
  readonly name: string;
  readonly #options: FakeDraDriverOptions;
  #servers: GrpcServer[] = [];

  constructor(options: FakeDraDriverOptions) {
    this.#options = options;
    this.name = options.name ?? 'gpu.example.com';
  }

  get #registrySocket(): string {
    return join(this.#options.root, 'plugins_registry', `${this.name}-reg.sock`);
  }

  async start(): Promise<void> {
    const { root, version = 'v1' } = this.#options;
    const folder = join(root, 'plugins', this.name);
    const endpoint = join(folder, 'dra.sock');
    await mkdir(folder, { recursive: true });
    await mkdir(join(root, 'plugins_registry'), { recursive: true });
    for (const socket of [endpoint, this.#registrySocket]) await rm(socket, { force: true });
    const calls: Record<string, UnaryHandler> = {
      NodePrepareResources: async (request) => ({ claims: await this.#each(request, (claim) => this.#prepare(claim)) }),
      NodeUnprepareResources: async (request) => ({
        claims: await this.#each(request, (claim) => this.#unprepare(claim)),
      }),
    };
    this.#servers.push(await serve(endpoint, draMethods(version), calls));
    const registration: Record<string, UnaryHandler> = {
      GetInfo: async () => ({
        type: 'DRAPlugin',
        name: this.name,
        endpoint,
        supportedVersions: [`${version}.DRAPlugin`],
      }),
      NotifyRegistrationStatus: async (status) => {
        this.answers.push(status);
        return {};
      },
    };
    this.#servers.push(await serve(this.#registrySocket, registrationMethods(), registration));
  }

  async stop(): Promise<void> {
    for (const server of this.#servers) server.close();
    this.#servers = [];
    await rm(this.#registrySocket, { force: true });
    await rm(this.#cdiFile(''), { force: true });
  }

  #cdiFile(uid: string): string {
    return join(this.#options.cdiFolder, `${this.name}-${uid}.json`);
  }

  async #each(request: object, one: (claim: ClaimReference) => Promise<object>): Promise<Record<string, object>> {
    const answers: Record<string, object> = {};
    for (const claim of (request as { claims?: ClaimReference[] }).claims ?? [])
      answers[claim.uid] = await one(claim).catch((error: Error) => ({ error: error.message }));
    return answers;
  }

  async #prepare(claim: ClaimReference): Promise<object> {
    this.calls.push(`prepare ${claim.name}`);
    const given = await this.#options.give(claim);
    const kind = `${this.name}/claim`;
    const devices = given.map(({ edits }, i) => ({ name: `${claim.uid}-${i}`, containerEdits: edits }));
    await mkdir(this.#options.cdiFolder, { recursive: true });
    await writeFile(this.#cdiFile(claim.uid), JSON.stringify({ cdiVersion: '0.6.0', kind, devices }));
    return {
      devices: given.map(({ device }, i) => ({ ...device, cdiDeviceIds: [`${kind}=${devices[i]?.name}`] })),
    };
  }

  async #unprepare(claim: ClaimReference): Promise<object> {
    this.calls.push(`unprepare ${claim.name}`);
    await rm(this.#cdiFile(claim.uid), { force: true });
    return {};
  }
}

const serve = (
  socket: string,
  methods: ReturnType<typeof registrationMethods>,
  handlers: Record<string, UnaryHandler>,
): Promise<GrpcServer> =>
  GrpcServer.listen(
    socket,
    [...methods].map(([name, method]) => ({ method, unary: handlers[name] as UnaryHandler })),
  );
