import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { Metrics } from '../base/metrics.ts';
import { type Rng, streamOf } from '../base/rng.ts';
import { lastUsedKey } from '../api/core/legacy-token.ts';
import { apiservices, pods, secrets } from '../api/generated/resources.ts';
import type { Pod } from '../api/generated/types.ts';
import { groupResource, type KubeObject, type ObjectKey } from '../api/resource.ts';
import { type ServingOptions, servedVersions } from '../api/served-versions.ts';
import type { Transport } from '../client/transport.ts';
import { createClient } from '../client/typed-client.ts';
import type { KeyPair } from '../pki/issue.ts';
import type { Journal } from '../store/journal.ts';
import { openStore } from '../store/open-store.ts';
import type { SharedJournal } from '../store/shared-journal.ts';
import type { Store } from '../store/store.ts';
import type { Version } from '../store/version.ts';
import { Aggregator } from './aggregation/aggregator.ts';
import { ApiServices } from './aggregation/api-services.ts';
import type { FrontProxyCertificate } from './aggregation/remote-server.ts';
import type { PluginOptions } from './admission/plugins.ts';
import { wholeAdmission } from './admission/whole-admission.ts';
import { Auditor } from './audit/auditor.ts';
import type { AuditPolicy } from './audit/policy.ts';
import type { AuditSink } from './audit/sink.ts';
import { Authentication, type AuthenticationOptions } from './authn/authentication.ts';
import { TokenIssuer } from './authn/token-issuer.ts';
import { allAuthenticated, mastersGroup, type UserInfo } from './authn/user-info.ts';
import { Authorizer, observedResources } from './authz/authorizer.ts';
import { applyWrites } from './bootstrap/apply-writes.ts';
import { bootstrapObjects, bootstrapWrites } from './bootstrap/bootstrap.ts';
import type { ClusterFacts } from './bootstrap/cluster-objects.ts';
import { builtInEndpoints } from './built-in-endpoints.ts';
import type { ApiContext } from './context.ts';
import { noConversion } from './crd/conversion.ts';
import { CustomResources } from './crd/custom-resources.ts';
import { discoveryOf, groupsOf } from './discovery/discovery.ts';
import { EventExpiry } from './event-expiry.ts';
import { FlowControl } from './flowcontrol/flow-control.ts';
import { FlowControlUpkeep } from './flowcontrol/upkeep.ts';
import { Front } from './front.ts';
import { Health } from './health.ts';
import { inProcessTransport } from './in-process.ts';
import { Listener, type ListenerOptions } from './listener.ts';
import { BackendProxy } from './backend-proxy.ts';
import { NodeConnector, type NodeConnectorOptions } from './node-connector.ts';
import { ObjectCodec } from './object-codec.ts';
import { storeReader } from './object-reader.ts';
import { openApiOf } from './openapi/openapi.ts';
import { handle } from './pipeline.ts';
import { PlainPaths } from './plain-paths.ts';
import { webhookConversion } from './webhook/conversion-webhook.ts';
import { WebhookCaller } from './webhook/webhook-caller.ts';
import { QuotaBook } from './quota-book.ts';
import { serveResourceMetrics } from './resource-metrics/resource-metrics.ts';
import { Registry } from './registry.ts';
import { measuredJournal } from './metrics/storage.ts';
import { ServerMetrics } from './server-metrics.ts';
import { AddressAllocator } from './service-addresses.ts';
import { type ProgramInfo, StatusPages } from './status-pages.ts';

export interface ApiServerDeps {
  /** Where the state is kept: of this server alone, or shared with others. */
  journal: Journal | SharedJournal;
  clock: Clock;
  /** What sockets go by, when the cluster's own clock is another one. */
  machineClock?: Clock;
  rng: Rng;
  log: Logger;
  /** Where it counts, when there is more in it than of this server; its own unless given. */
  figures?: Metrics;
  /** The journal failed: the process must end (a test throws). */
  onFatal(error: unknown): void;
}

export interface ApiServerOptions {
  serviceCidr: string;
  /** PEM: signs client and serving certificates. */
  ca: string;
  /** PEM: signs service account tokens. */
  tokenKey: string;
  /** What a fresh cluster contains. */
  facts: ClusterFacts;
  /** How many bytes of past events are kept for watches and lists to resume from; see `StoreOptions`. */
  historyBytes?: number;
  /** How many bytes of objects are kept decoded; see `ObjectCodec`. */
  cachedBytes?: number;
  /** Requests served at a time, of all priority levels that are not exempt; see `FlowControlOptions`. */
  requestSeats?: number;
  /** In-process writes that JSON would change are refused. For tests. */
  checkWrites?: boolean;
  /** How it shows aggregated servers that it may say who asks, and whose certificates may tell it the same. PEM. */
  frontProxy?: FrontProxyCertificate & { ca: string };
  /** Which admission plugins run, and what they are told. */
  admission?: PluginOptions;
  /** Who is believed, besides those whom the cluster itself makes. */
  authentication?: AuthenticationOptions;
  /** What is told of requests, and where. */
  audit?: { policy: AuditPolicy; sinks: readonly AuditSink[] };
  /** Which versions of the built-in kinds are there; unless told, those that Kubernetes serves by itself. */
  serving?: ServingOptions | undefined;
  /** What `/statusz` and `/flagz` tell of the program. */
  program?: ProgramInfo;
  /** The parts of the control plane that work beside it: `scheduler`, `controller-manager`; none unless told. */
  components?: () => readonly string[];
  /** How it reaches nodes; without it there are no logs and no exec. */
  nodes?: Omit<NodeConnectorOptions, 'ca'>;
}

/** The state, and what counts how long it takes to be written. */
interface Opened {
  store: Store;
  figures: Metrics;
}

/** Sets a fresh cluster up; nothing else runs with this name. */
const operator: UserInfo = { name: 'system:apiserver', groups: [mastersGroup, allAuthenticated] };

/** An API server without its socket: everything that clients in and out of the process share. */
export class ApiServer {
  readonly context: ApiContext;
  readonly health: Health;
  readonly #front: Front;
  readonly #eventExpiry: EventExpiry;
  readonly #flowControlUpkeep: FlowControlUpkeep;
  readonly #nodes: NodeConnector;
  readonly #deps: ApiServerDeps;
  readonly #checkWrites: boolean;
  readonly #customResources: CustomResources;
  readonly #apiServices: ApiServices;
  #frontProxy: FrontProxyCertificate | undefined;
  #listener: Listener | undefined;

  /** Opens the state, and fills a fresh one with what every cluster has. */
  static async start(deps: ApiServerDeps, options: ApiServerOptions): Promise<ApiServer> {
    const figures = deps.figures ?? new Metrics();
    const journal = measuredJournal(deps.journal, figures, deps.clock);
    const store = await openStore(journal, { onFatal: deps.onFatal, windowBytes: options.historyBytes });
    const server = new ApiServer({ store, figures }, deps, options);
    serveResourceMetrics(server.context, deps.machineClock ?? deps.clock, () => server.#nodes.tls);
    await server.context.addresses.adopt();
    await server.#bootstrap({ ...options.facts, frontProxyCaPem: options.frontProxy?.ca });
    server.#customResources.start();
    server.#apiServices.start();
    server.#eventExpiry.start();
    return server;
  }

  private constructor({ store, figures }: Opened, deps: ApiServerDeps, options: ApiServerOptions) {
    const { clock, rng, log } = deps;
    const objects = new ObjectCodec({ cachedBytes: options.cachedBytes });
    const registry = new Registry(builtInEndpoints(objects, servedVersions(options.serving)));
    const read = storeReader(store, objects);
    const authorizer = observingAuthorizer(store, objects);
    const tokens = new TokenIssuer({ privateKeyPem: options.tokenKey, clock, rng });
    const noteTokenUse = (secret: ObjectKey, day: string) => this.#noteTokenUse(secret, day);
    const trust = { caPem: options.ca, frontProxyCaPem: options.frontProxy?.ca };
    const believed = { ...trust, issuer: tokens, read, clock, noteTokenUse };
    const authentication = new Authentication(believed, options.authentication);
    const caller = new WebhookCaller({ read, clock, rng });
    const longRunning: ApiContext['longRunning'] = new Map();
    const metrics = new ServerMetrics({ store, clock, longRunning, figures });
    metrics.observeServices(() => read.list(apiservices));
    const writes = { read, store, objects, registry, authorizer, caller, clock, rng };
    const admission = wholeAdmission({ ...writes, metrics: metrics.admission }, options.admission ?? {});
    const addresses = new AddressAllocator({ store, objects, registry, clock, rng: streamOf(rng) }, options);
    this.#deps = deps;
    this.#checkWrites = options.checkWrites ?? false;
    this.context = {
      store,
      objects,
      registry,
      read,
      authorizer,
      authentication,
      tokens,
      admission,
      addresses,
      ...{ longRunning, metrics },
      quotas: new QuotaBook({ store, objects, registry }),
      audit: options.audit && new Auditor({ clock, sinks: options.audit.sinks }, options.audit.policy),
      components: options.components ?? (() => []),
      clock,
      rng,
      names: streamOf(rng),
      log,
    };
    this.health = new Health(this.context);
    const { context, health } = this;
    const client = createClient(this.transportFor(operator, 'kube-apiserver'));
    this.#frontProxy = options.frontProxy;
    const certificate = () => this.#frontProxy;
    const services = new ApiServices({ ...context, client, certificate });
    this.#apiServices = services;
    const flowControl = new FlowControl(context, { seats: options.requestSeats });
    context.metrics.observe(flowControl);
    const plainPaths = new PlainPaths({
      ...{ context, health, flowControl, pages: new StatusPages(clock, options.program) },
      ...documentsOf(registry, services, options.facts),
    });
    this.#eventExpiry = new EventExpiry(context);
    this.#flowControlUpkeep = new FlowControlUpkeep(context, (name) => createClient(this.transportFor(operator, name)));
    this.#customResources = new CustomResources({
      ...context,
      client,
      deleteAll: (resource) => deleteAll(context, resource),
      conversionOf: (definition) =>
        definition.spec.conversion?.strategy === 'Webhook'
          ? webhookConversion({ caller, rng }, definition)
          : noConversion,
    });
    this.#nodes = new NodeConnector({ read }, { ca: options.ca, cert: '', key: '', ...options.nodes });
    const proxy = new BackendProxy({ read, rng, tls: () => this.#nodes.tls });
    const aggregator = new Aggregator({ services, read, rng, certificate });
    const nodes = this.#nodes;
    this.#front = new Front({ context, authentication, flowControl, plainPaths, nodes, proxy, aggregator });
  }

  #noteTokenUse(secret: ObjectKey, day: string): void {
    const client = createClient(this.transportFor(operator, 'kube-apiserver'));
    const body = { metadata: { labels: { [lastUsedKey]: day } } };
    client.patch(secrets, secret, { type: 'merge', body }).catch((error: unknown) => {
      this.#deps.log.warn({ secret, error: String(error) }, 'the use of a token could not be noted');
    });
  }

  /** Writes what a fresh cluster lacks, and what a newer version adds; nothing on a settled one. */
  async #bootstrap(facts: ClusterFacts): Promise<void> {
    const client = createClient(this.transportFor(operator, 'knarr-bootstrap'));
    const { registry, read } = this.context;
    await applyWrites(client, bootstrapWrites(bootstrapObjects(facts, groupsOf(registry.builtInKinds())), read));
    await this.#flowControlUpkeep.start();
  }

  /** A client's way in from within this process, under its own name. */
  transportFor(user: UserInfo, userAgent: string): Transport {
    return inProcessTransport(this.context, user, { userAgent, checkWrites: this.#checkWrites });
  }

  /** Serves HTTPS; answers with the port. */
  async listen(options: ListenerOptions): Promise<number> {
    const { clock: own, machineClock: clock = own, log } = this.#deps;
    this.#listener = await Listener.open({ front: this.#front, clock, log }, options);
    return this.#listener.port;
  }

  /** Renewed certificates: for whoever connects from now on, towards nodes and aggregated servers. PEM. */
  useCertificates(renewed: { serving: KeyPair; nodes: KeyPair; frontProxy?: KeyPair }): void {
    const { serving, nodes, frontProxy } = renewed;
    if (frontProxy) this.#frontProxy = frontProxy;
    this.#listener?.setCertificate(serving);
    this.#nodes.useCertificate(nodes);
  }

  /** Not ready from now on; what runs is finished, watches are told to look for another server. */
  async close(): Promise<void> {
    this.health.isShuttingDown = true;
    for (const end of this.context.longRunning.keys()) end();
    await this.#listener?.close();
    this.#customResources.stop();
    this.#apiServices.stop();
    this.#eventExpiry.stop();
    await this.context.audit?.close();
    this.#flowControlUpkeep.stop();
    await this.context.store.close();
  }
}

/** What tells clients what there is. */
const documentsOf = (registry: Registry, services: ApiServices, { endpointAddress, endpointPort }: ClusterFacts) => ({
  discovery: discoveryOf(registry, services, { serverAddress: `${endpointAddress}:${endpointPort}` }),
  openapi: openApiOf(registry, services),
});

/** Deletes what is left of a resource whose definition goes, as any client would. */
async function deleteAll(context: ApiContext, resource: string): Promise<void> {
  const endpoint = context.registry.added().find((added) => added.resource === resource);
  if (!endpoint) return;
  await handle(context, {
    verb: 'deletecollection',
    endpoint,
    subresource: '',
    namespace: '',
    name: '',
    query: new URLSearchParams(),
    user: operator,
    userAgent: 'kube-apiserver',
    warn: () => {},
  });
}

const podsResource = groupResource(pods);

/** The authorizer decides from what is durable: it follows the store like any watcher. */
function observingAuthorizer(store: Store, objects: ObjectCodec): Authorizer {
  const podOf = (key: string) => {
    const version = store.get(podsResource, key);
    return version && objects.read<Pod>(version);
  };
  const authorizer = new Authorizer(podOf);
  const seen = ({ key, fields }: Version) => ({ key, node: fields?.['spec.nodeName'] ?? '' });
  for (const version of store.all(podsResource)) authorizer.observePod('ADDED', seen(version));
  store.watch({ resource: podsResource }, store.revision, (events) => {
    for (const { type, version } of events) authorizer.observePod(type, seen(version));
  });
  for (const resource of observedResources) {
    for (const version of store.all(resource)) authorizer.observe(resource, 'ADDED', objects.read<KubeObject>(version));
    store.watch({ resource }, store.revision, (events) => {
      for (const { type, version } of events) authorizer.observe(resource, type, objects.read<KubeObject>(version));
    });
  }
  return authorizer;
}
