import { apiservices, customresourcedefinitions, services } from '../../api/generated/resources.ts';
import type { APIService, CustomResourceDefinition } from '../../api/generated/types.ts';
import { equalJson } from '../../api/meta/json.ts';
import { isAlreadyExists, isConflict, isNotFound } from '../../api/meta/status-error.ts';
import { groupResource } from '../../api/resource.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Rng } from '../../base/rng.ts';
import type { Client } from '../../client/client.ts';
import { WorkQueue } from '../../client/work-queue.ts';
import type { Store } from '../../store/store.ts';
import type { StoreEvent, Version } from '../../store/version.ts';
import { timestamp } from '../context.ts';
import type { ObjectCodec } from '../object-codec.ts';
import type { ObjectReader } from '../object-reader.ts';
import { localAvailability } from '../../api/apiregistration/api-service.ts';
import {
  type Availability,
  failedDiscovery,
  isAvailable,
  passed,
  serviceProblem,
  withAvailability,
} from './availability.ts';
import { customService, managedLabel, type Priorities } from './local-services.ts';
import { type AddedOpenApi, addedOpenApi, discoveredResources, openApiUrl } from './remote-documents.ts';
import { backendOf, fetchDocument, type FrontProxyCertificate, reasonText } from './remote-server.ts';

export interface ApiServicesDeps {
  store: Store;
  objects: ObjectCodec;
  read: ObjectReader;
  /** Writes the state of APIServices, and those of custom resources. */
  client: Client;
  clock: Clock;
  rng: Rng;
  log: Logger;
  certificate(): FrontProxyCertificate | undefined;
}

/** A group version that another server serves, and what that server said of it when it was last asked. */
export interface RemoteGroupVersion extends Priorities {
  group: string;
  version: string;
  isAvailable: boolean;
  resources: object[];
  /** Of its OpenAPI 3 document, on the other server. */
  openApiUrl?: string | undefined;
  openApi?: AddedOpenApi | undefined;
  openApiEtag?: string;
}

/** A server that answers is asked again after this time; one that does not, earlier. */
const againMs = 30_000;
const backoff = { baseMs: 1_000, maxMs: againMs };

/**
 * Knows which group versions other servers serve, asks these servers whether they do, and says so in the status of the
 * APIServices. Keeps an APIService for each version of custom resources.
 */
export class ApiServices {
  readonly #deps: ApiServicesDeps;
  readonly #queue: WorkQueue;
  readonly #remotes = new Map<string, RemoteGroupVersion>();
  readonly #stops: (() => void)[];
  #revision = 0;

  constructor(deps: ApiServicesDeps) {
    this.#deps = deps;
    this.#queue = new WorkQueue(deps.clock, backoff);
    const { store, objects } = deps;
    for (const service of deps.read.list(apiservices)) this.#observe(service);
    const follow = (resource: string, take: (version: Version, event: StoreEvent) => void) =>
      store.watch({ resource }, store.revision, (events) => {
        for (const event of events) take(event.version, event);
      });
    this.#stops = [
      follow(groupResource(apiservices), (version, { type, previous }) => {
        const service = objects.read<APIService>(version);
        if (type === 'DELETED') this.#forget(service.metadata.name);
        else this.#observe(service);
        // What was only told of it, by this server or another, is no reason to ask again.
        const before = type === 'MODIFIED' && previous ? objects.read<APIService>(previous) : undefined;
        if (!before || !equalJson(before.spec, service.spec)) this.#queue.add(service.metadata.name);
      }),
      follow(groupResource(customresourcedefinitions), (version) => {
        this.#enqueueVersions(objects.read<CustomResourceDefinition>(version));
      }),
      follow(groupResource(services), ({ key }) => this.#enqueueBehind(key)),
      follow('endpointslices.discovery.k8s.io', ({ key, labels }) => {
        const name = labels?.['kubernetes.io/service-name'];
        if (name) this.#enqueueBehind(`${key.slice(0, key.indexOf('/'))}/${name}`);
      }),
    ];
  }

  /** Counts the changes of `groupVersions`. */
  get revision(): number {
    return this.#revision;
  }

  /** What other servers serve. */
  groupVersions(): RemoteGroupVersion[] {
    return [...this.#remotes.values()];
  }

  /** The group version, when another server serves it. */
  find(group: string, version: string): { service: APIService; remote: RemoteGroupVersion } | undefined {
    const name = `${version}.${group}`;
    const remote = this.#remotes.get(name);
    const service = remote && this.#deps.read.get(apiservices, '', name);
    return service && { service, remote };
  }

  start(): void {
    for (const definition of this.#deps.read.list(customresourcedefinitions)) this.#enqueueVersions(definition);
    for (const { metadata } of this.#deps.read.list(apiservices)) this.#queue.add(metadata.name);
    void this.#work();
  }

  stop(): void {
    for (const stop of this.#stops) stop();
    this.#queue.shutDown();
  }

  #observe(service: APIService): void {
    const { name } = service.metadata;
    if (!service.spec.service) return this.#forget(name);
    const { group = '', version = '', groupPriorityMinimum, versionPriority } = service.spec;
    const said = this.#remotes.get(name) ?? { resources: [] };
    const priorities = { groupPriorityMinimum, versionPriority };
    this.#set(name, { ...said, group, version, ...priorities, isAvailable: isAvailable(service) });
  }

  #set(name: string, remote: RemoteGroupVersion): void {
    if (equalJson(this.#remotes.get(name), remote)) return;
    this.#remotes.set(name, remote);
    this.#revision++;
  }

  #forget(name: string): void {
    if (this.#remotes.delete(name)) this.#revision++;
  }

  /** Versions that are served, and APIServices of those that are no longer. */
  #enqueueVersions({ spec }: CustomResourceDefinition): void {
    for (const version of spec.versions) this.#queue.add(`${version.name}.${spec.group}`);
    for (const { metadata, spec: other } of this.#deps.read.list(apiservices))
      if (other.group === spec.group) this.#queue.add(metadata.name);
  }

  #enqueueBehind(serviceKey: string): void {
    if (this.#remotes.size === 0) return;
    for (const { metadata, spec } of this.#deps.read.list(apiservices))
      if (spec.service && `${spec.service.namespace}/${spec.service.name}` === serviceKey)
        this.#queue.add(metadata.name);
  }

  async #work(): Promise<void> {
    for (let name = await this.#queue.take(); name !== undefined; name = await this.#queue.take()) {
      void this.#reconcile(name)
        .then((isSettled) => (isSettled ? this.#queue.forget(name) : this.#queue.addRateLimited(name)))
        .catch((error: unknown) => {
          this.#queue.addRateLimited(name);
          // Somebody was faster: the next try sees what happened.
          if (!isConflict(error) && !isNotFound(error) && !isAlreadyExists(error))
            this.#deps.log.warn({ apiService: name, error: String(error) }, 'APIService failed');
        })
        .finally(() => this.#queue.done(name));
    }
  }

  /** False: to be looked at again soon. */
  async #reconcile(name: string): Promise<boolean> {
    const { read, client } = this.#deps;
    const stored = read.get(apiservices, '', name);
    if (stored?.spec.service) return this.#check(stored);
    const wanted = customService(read, name);
    const isManaged = stored?.metadata.labels?.[managedLabel] === 'true';
    if (wanted && !stored) await client.create(apiservices, wanted);
    else if (stored && isManaged && !wanted) await client.delete(apiservices, { name });
    else if (stored) await this.#tell(stored, localAvailability);
    return true;
  }

  async #check(service: APIService): Promise<boolean> {
    const found = serviceProblem(service, this.#deps.read) ?? (await this.#ask(service));
    await this.#tell(service, found);
    if (found.status === 'True') this.#queue.addAfter(service.metadata.name, againMs, { background: true });
    return found.status === 'True' || found.reason !== 'FailedDiscoveryCheck';
  }

  async #tell(service: APIService, found: Availability): Promise<void> {
    const { client, clock } = this.#deps;
    const changed = withAvailability(service, found, timestamp(clock.now()));
    if (changed) await client.update(apiservices, changed, { subresource: 'status' });
  }

  /** Asks for the document that every aggregated server has; when it is there, for those that describe its objects. */
  async #ask(service: APIService): Promise<Availability> {
    const { clock, certificate } = this.#deps;
    const { group = '', version = '' } = service.spec;
    const path = `/apis/${group}/${version}`;
    let shown = '';
    try {
      const backend = backendOf(service, this.#deps, certificate());
      const { host, port } = backend;
      const url = `https://${host}:${port}${path}`;
      shown = `failing or missing response from ${url}: `;
      const { status, text } = await fetchDocument(backend, path, { clock });
      if (status < 200 || status >= 300) return failedDiscovery(`${shown}bad status from ${url}: ${status}`);
      const remote = this.#remotes.get(service.metadata.name);
      if (!remote) return passed;
      const described = await this.#describe(remote, backend);
      this.#set(service.metadata.name, { ...remote, ...described, resources: discoveredResources(text, remote) });
      return passed;
    } catch (error) {
      return failedDiscovery(`${shown}${reasonText(error)}`);
    }
  }

  /** A server need not describe its objects. */
  async #describe(
    remote: RemoteGroupVersion,
    backend: ReturnType<typeof backendOf>,
  ): Promise<Pick<RemoteGroupVersion, 'openApi' | 'openApiUrl' | 'openApiEtag'>> {
    const { clock } = this.#deps;
    const index = await fetchDocument(backend, '/openapi/v3', { clock });
    const found = index.status === 200 ? { openApiUrl: openApiUrl(index.text, remote) } : {};
    const whole = await fetchDocument(backend, '/openapi/v2', { clock, etag: remote.openApiEtag });
    if (whole.status !== 200) return found;
    return { ...found, openApi: addedOpenApi(whole.text, remote), openApiEtag: whole.headers.etag as string };
  }
}
