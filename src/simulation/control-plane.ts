import { ApiServer } from '../apiserver/api-server.ts';
import { allAuthenticated, serviceAccountUser, type UserInfo } from '../apiserver/authn/user-info.ts';
import type { ServingOptions } from '../api/served-versions.ts';
import type { Metrics } from '../base/metrics.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Rng } from '../base/rng.ts';
import type { ListenerOptions } from '../apiserver/listener.ts';
import type { Client } from '../client/client.ts';
import type { Transport } from '../client/transport.ts';
import { createClient } from '../client/typed-client.ts';
import { type RunningControllers, startControllers } from '../controllers/controllers.ts';
import type { SchedulerPlugin } from '../scheduler/plugin.ts';
import { profileOf } from '../scheduler/profile.ts';
import { type Scheduler, startScheduler } from '../scheduler/scheduler.ts';
import type { KeyPair } from '../pki/issue.ts';
import { tokenSigner } from '../pki/signed-token.ts';
import type { Journal } from '../store/journal.ts';
import { rngFor } from './seed.ts';
import { Switchboard } from './switchboard.ts';
import type { Trust } from './trust.ts';

export interface ControlPlaneDeps {
  clock: Clock;
  /** What sockets go by: they are the machine's. */
  machineClock: Clock;
  log: Logger;
  trust: Trust;
  /** Goes between every client and the server; `client` is the client's name. For faults. */
  wrap?(transport: Transport, client: string): Transport;
}

export interface ControlPlaneOptions {
  seed: number;
  /** Names of the controllers that run; all when absent. */
  controllers?: readonly string[];
  /** Pods find no node by themselves when false. */
  scheduler?: boolean;
  serving?: ServingOptions | undefined;
  schedulerPlugins?: readonly SchedulerPlugin[];
}

/** Room for 32,768 nodes; nothing is ever routed. */
const network = {
  serviceCidr: '10.96.0.0/16',
  serviceAddress: '10.96.0.1',
  podCidr: '10.128.0.0/9',
  loadBalancerCidr: '192.0.2.0/24',
  dnsAddress: '10.96.0.10',
  endpointAddress: '172.31.255.254',
};
/** Clients in this process keep up; a long history and a large cache would only fill the heap. */
const memory = { historyBytes: 8 * 2 ** 20, cachedBytes: 12 * 2 ** 20 };
const managerUser: UserInfo = { name: 'system:kube-controller-manager', groups: [allAuthenticated] };
const schedulerUser: UserInfo = { name: 'system:kube-scheduler', groups: [allAuthenticated] };

/** API server, controllers and scheduler in this process, each under its own name, each to be restarted alone. */
export class ControlPlane {
  readonly #deps: ControlPlaneDeps;
  readonly #options: ControlPlaneOptions;
  readonly #switchboard = new Switchboard();
  #api: ApiServer | undefined;
  #controllers: RunningControllers | undefined;
  #scheduler: Scheduler | undefined;
  #serving: ListenerOptions | undefined;
  /** Of servers, controllers and schedulers so far: each draws chance of its own, or uids would come twice. */
  #lives = 0;

  constructor(deps: ControlPlaneDeps, options: ControlPlaneOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  /** Throws while no server runs. */
  get api(): ApiServer {
    if (!this.#api) throw new Error('the API server is stopped');
    return this.#api;
  }

  get switchboard(): Switchboard {
    return this.#switchboard;
  }

  /** A transport that outlives restarts of the server. */
  transportFor(user: UserInfo, client: string): Transport {
    const transport = this.#switchboard.transportFor(user, client);
    return this.#deps.wrap?.(transport, client) ?? transport;
  }

  clientFor(user: UserInfo, client: string): Client {
    return createClient(this.transportFor(user, client));
  }

  /** Starts what does not run yet; resolves when the API answers and the controllers' caches are filled. */
  async start(journal: Journal): Promise<void> {
    await this.startApi(journal);
    await this.startControllers();
    this.startScheduler();
  }

  async startApi(journal: Journal): Promise<void> {
    const { clock, machineClock, log, trust } = this.#deps;
    const onFatal = (error: unknown) => {
      throw error;
    };
    const rng = this.#rng('apiserver');
    this.#api = await ApiServer.start(
      { journal, clock, machineClock, rng, log, onFatal },
      {
        serviceCidr: network.serviceCidr,
        ca: trust.ca.cert,
        tokenKey: trust.tokenKey,
        checkWrites: true,
        serving: this.#options.serving,
        components: () => this.#components(),
        ...memory,
        facts: {
          caPem: trust.ca.cert,
          serverUrl: 'https://kubernetes.default.svc',
          endpointPort: 6443,
          clusterDomain: 'cluster.local',
          ...network,
        },
      },
    );
    if (this.#serving) await this.#api.listen(this.#serving);
    this.#switchboard.connect(this.#api);
  }

  #components(): string[] {
    const working = { 'controller-manager': this.#controllers, scheduler: this.#scheduler };
    return Object.entries(working).flatMap(([name, part]) => (part ? [name] : []));
  }

  /** Serves HTTPS on the loopback interface, also after a restart. Answers with the port. */
  async serve(certificate: KeyPair): Promise<number> {
    const { cert, key } = certificate;
    const options = { hosts: ['127.0.0.1'], cert, key, ca: this.#deps.trust.ca.cert };
    const port = await this.api.listen({ ...options, port: 0 });
    this.#serving = { ...options, port };
    return port;
  }

  /** Of the server as it is now: one that is started again counts anew, and not for those that run on. */
  get #metrics(): Metrics | undefined {
    return this.#api?.context.metrics.metrics;
  }

  async startControllers(): Promise<void> {
    const { clock, log, trust } = this.#deps;
    const { controllers, serving } = this.#options;
    this.#controllers ??= startControllers(
      {
        clientFor: (name) => this.clientFor(serviceAccountUser('kube-system', name), name),
        cacheClient: this.clientFor(managerUser, 'kube-controller-manager'),
        clock,
        rng: this.#rng('controllers'),
        log: log.child({ component: 'controllers' }),
        metrics: this.#metrics,
      },
      {
        rootCaPem: trust.ca.cert,
        podCidr: network.podCidr,
        loadBalancerCidr: network.loadBalancerCidr,
        // Only for those who name it: nobody answers at its addresses here.
        ingress: controllers !== undefined,
        authority: trust.ca,
        signToken: tokenSigner(trust.tokenKey),
        only: controllers,
        serving,
      },
    );
    await this.#controllers.synced;
  }

  startScheduler(): void {
    const { clock, log } = this.#deps;
    const { scheduler = true, schedulerPlugins } = this.#options;
    if (!scheduler) return;
    const client = this.clientFor(schedulerUser, 'kube-scheduler');
    const rng = this.#rng('scheduler');
    const deps = { client, clock, rng, log: log.child({ component: 'scheduler' }), metrics: this.#metrics };
    const profiles = schedulerPlugins && [profileOf(schedulerPlugins)];
    this.#scheduler ??= startScheduler(deps, { profiles });
  }

  stopControllers(): void {
    this.#controllers?.stop();
    this.#controllers = undefined;
  }

  stopScheduler(): void {
    this.#scheduler?.stop();
    this.#scheduler = undefined;
  }

  /** Clients stay and are refused; the journal may be opened again afterwards. */
  async stopApi({ keepWatches = false } = {}): Promise<void> {
    this.#switchboard.disconnect({ keepWatches });
    await this.#api?.close();
    this.#api = undefined;
  }

  async stop(): Promise<void> {
    this.stopScheduler();
    this.stopControllers();
    await this.stopApi();
  }

  #rng(part: string): Rng {
    return rngFor(this.#options.seed, `${part}/${this.#lives++}`);
  }
}
