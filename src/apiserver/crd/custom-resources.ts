import { customresourcedefinitions } from '../../api/generated/resources.ts';
import type { CustomResourceDefinition } from '../../api/generated/types.ts';
import { cleanupFinalizer } from '../../api/apiextensions/definition.ts';
import { equalJson } from '../../api/meta/json.ts';
import { isConflict, isNotFound } from '../../api/meta/status-error.ts';
import { groupResource } from '../../api/resource.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Client } from '../../client/client.ts';
import { WorkQueue } from '../../client/work-queue.ts';
import type { Store } from '../../store/store.ts';
import { timestamp } from '../context.ts';
import type { ObjectCodec } from '../object-codec.ts';
import type { ObjectReader } from '../object-reader.ts';
import type { Registry } from '../registry.ts';
import { type CustomEndpointDeps, customEndpoints } from './custom-endpoints.ts';
import { conditionOf, decideNames, established, isEstablished, withConditions } from './naming.ts';

export interface CustomResourcesDeps extends CustomEndpointDeps {
  store: Store;
  objects: ObjectCodec;
  read: ObjectReader;
  registry: Registry;
  /** Writes the status of definitions, and deletes the objects of those that go. */
  client: Client;
  /** Deletes every object of a resource that can be deleted. */
  deleteAll(resource: string): Promise<void>;
  clock: Clock;
  log: Logger;
}

/** What is served of a definition, and what it was made from. */
interface Served {
  made: unknown;
  retire: AbortController;
}

const definitions = groupResource(customresourcedefinitions);
const retryMs = 1_000;

/**
 * Keeps the registry in step with the CustomResourceDefinitions in the store, and definitions in step with what is served:
 * names are accepted, then the definition is established and served; one that is deleted takes its objects with it.
 */
export class CustomResources {
  readonly #deps: CustomResourcesDeps;
  readonly #queue: WorkQueue;
  readonly #served = new Map<string, Served>();
  /** Resources that are being emptied: their definition is looked at again when an object goes. */
  readonly #emptying = new Map<string, () => void>();
  readonly #stop: () => void;

  /** Serves what is established already before it returns. */
  constructor(deps: CustomResourcesDeps) {
    this.#deps = deps;
    this.#queue = new WorkQueue(deps.clock);
    const { store } = deps;
    for (const definition of deps.read.list(customresourcedefinitions)) this.#serve(definition);
    this.#stop = store.watch({ resource: definitions }, store.revision, (events) => {
      for (const { type, version } of events) {
        const definition = deps.objects.read<CustomResourceDefinition>(version);
        if (type === 'DELETED') this.#retire(definition);
        else this.#serve(definition);
        this.#enqueueGroup(definition.spec.group);
      }
    });
  }

  /** Begins to work on what is left to do. */
  start(): void {
    for (const { metadata } of this.#deps.read.list(customresourcedefinitions)) this.#queue.add(metadata.name);
    void this.#work();
  }

  stop(): void {
    this.#stop();
    for (const unwatch of this.#emptying.values()) unwatch();
    this.#queue.shutDown();
  }

  /** A name that one definition gives up may be what another waits for. */
  #enqueueGroup(group: string): void {
    for (const { metadata, spec } of this.#deps.read.list(customresourcedefinitions))
      if (spec.group === group) this.#queue.add(metadata.name);
  }

  /** Nothing moves while the definition says the same. */
  #serve(definition: CustomResourceDefinition): void {
    const { name, uid, deletionTimestamp } = definition.metadata;
    const made = [uid, definition.spec, definition.status.acceptedNames, deletionTimestamp, isEstablished(definition)];
    const before = this.#served.get(name);
    if (before && equalJson(before.made, made)) return;
    const retire = new AbortController();
    this.#served.set(name, { made, retire });
    const endpoints = isEstablished(definition) ? customEndpoints(this.#deps, definition, retire.signal) : [];
    if (endpoints.length > 0 || before) this.#deps.registry.replace(name, endpoints);
    before?.retire.abort();
  }

  #retire({ metadata }: CustomResourceDefinition): void {
    const before = this.#served.get(metadata.name);
    this.#served.delete(metadata.name);
    this.#deps.registry.replace(metadata.name, []);
    before?.retire.abort();
  }

  async #work(): Promise<void> {
    for (let name = await this.#queue.take(); name !== undefined; name = await this.#queue.take()) {
      try {
        await this.#reconcile(name);
        this.#queue.forget(name);
      } catch (error) {
        this.#queue.addRateLimited(name);
        // Somebody was faster: the next try sees what happened.
        if (!isConflict(error) && !isNotFound(error))
          this.#deps.log.warn({ definition: name, error: String(error) }, 'custom resource definition failed');
      }
      this.#queue.done(name);
    }
  }

  async #reconcile(name: string): Promise<void> {
    const definition = this.#deps.read.get(customresourcedefinitions, '', name);
    if (!definition) return this.#stopEmptying(name);
    if (definition.metadata.deletionTimestamp) return this.#finalize(definition);
    const others = this.#deps.read
      .list(customresourcedefinitions)
      .filter((other) => other.spec.group === definition.spec.group && other.metadata.name !== name);
    const { acceptedNames, conditions } = decideNames(definition, others);
    const status = withConditions(definition, conditions, this.#now()) ?? definition.status;
    if (!equalJson({ ...status, acceptedNames }, definition.status)) {
      await this.#writeStatus({ ...definition, status: { ...status, acceptedNames } });
      return;
    }
    if (conditionOf(definition, 'NamesAccepted')?.status !== 'True' || isEstablished(definition)) return;
    const installed = withConditions(definition, [established], this.#now());
    if (installed) await this.#writeStatus({ ...definition, status: installed });
  }

  /** Deletes the objects; when none is left, gives up the finalizer. */
  async #finalize(definition: CustomResourceDefinition): Promise<void> {
    const { name, finalizers = [] } = definition.metadata;
    if (!finalizers.includes(cleanupFinalizer)) return;
    const resource = `${definition.spec.names.plural}.${definition.spec.group}`;
    const progress = { reason: 'InstanceDeletionInProgress', message: 'CustomResource deletion is in progress' };
    const told = await this.#tellTerminating(definition, { status: 'True', ...progress });
    this.#watchEmptying(name, resource);
    if (isEstablished(definition)) await this.#deps.deleteAll(resource);
    if (this.#deps.store.count(resource) > 0) return this.#queue.addAfter(name, retryMs);
    const finished = { reason: 'InstanceDeletionCompleted', message: 'removed all instances' };
    const last = await this.#tellTerminating(told, { status: 'False', ...finished });
    const metadata = { ...last.metadata, finalizers: finalizers.filter((finalizer) => finalizer !== cleanupFinalizer) };
    await this.#deps.client.update(customresourcedefinitions, { ...last, metadata });
    this.#stopEmptying(name);
  }

  async #tellTerminating(
    definition: CustomResourceDefinition,
    condition: { status: string; reason: string; message: string },
  ): Promise<CustomResourceDefinition> {
    const status = withConditions(definition, [{ type: 'Terminating', ...condition }], this.#now());
    return status ? this.#writeStatus({ ...definition, status }) : definition;
  }

  #watchEmptying(name: string, resource: string): void {
    if (this.#emptying.has(name)) return;
    const { store } = this.#deps;
    const unwatch = store.watch({ resource }, store.revision, (events) => {
      if (events.some(({ type }) => type === 'DELETED')) this.#queue.add(name);
    });
    this.#emptying.set(name, unwatch);
  }

  #stopEmptying(name: string): void {
    this.#emptying.get(name)?.();
    this.#emptying.delete(name);
  }

  #writeStatus(definition: CustomResourceDefinition): Promise<CustomResourceDefinition> {
    return this.#deps.client.update(customresourcedefinitions, definition, { subresource: 'status' });
  }

  #now(): string {
    return timestamp(this.#deps.clock.now());
  }
}
