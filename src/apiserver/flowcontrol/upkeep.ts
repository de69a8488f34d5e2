import { flowschemas, prioritylevelconfigurations } from '../../api/generated/resources.ts';
import type { FlowSchema } from '../../api/generated/types.ts';
import { groupResource, keyOf, type Resource } from '../../api/resource.ts';
import { isConflict, isNotFound } from '../../api/meta/status-error.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Client } from '../../client/client.ts';
import type { Store } from '../../store/store.ts';
import { applyWrites } from '../bootstrap/apply-writes.ts';
import { type BootstrapWrite, bootstrapWrites } from '../bootstrap/bootstrap.ts';
import { autoupdateSpec, mandatoryObjects, suggestedObjects } from '../bootstrap/flowcontrol-objects.ts';
import { timestamp } from '../context.ts';
import type { ObjectReader } from '../object-reader.ts';

interface Deps {
  store: Store;
  read: ObjectReader;
  clock: Clock;
  log: Logger;
}

/** Upstream's name for who writes the objects. */
const producer = 'api-priority-and-fairness-config-producer-v1';

/** Owns what the status says. */
const fieldManager = 'api-priority-and-fairness-config-consumer-v1';
/** After a change, so that whoever insists on another opinion cannot keep the server busy. */
const settleMs = 1000;
const resources: Resource[] = [prioritylevelconfigurations, flowschemas];

/** Keeps the objects of flow control as they should be: restores what is the server's, says which schemas dangle. */
export class FlowControlUpkeep {
  readonly #deps: Deps;
  readonly #client: Client;
  #stop: (() => void)[] = [];
  #cancel: (() => void) | undefined;

  constructor(deps: Deps, clientFor: (userAgent: string) => Client) {
    this.#deps = deps;
    this.#client = clientFor(producer);
  }

  /** Settles what is there, then follows every change. */
  async start(): Promise<void> {
    await this.settle();
    const { store } = this.#deps;
    this.#stop = resources.map((resource) =>
      store.watch({ resource: groupResource(resource) }, store.revision, () => this.#soon()),
    );
  }

  stop(): void {
    for (const stop of this.#stop) stop();
    this.#cancel?.();
  }

  /** Writes what differs; nothing on a settled world. */
  async settle(): Promise<void> {
    const { read } = this.#deps;
    const wanted = [...mandatoryObjects, ...suggestedObjects];
    await applyWrites(this.#client, [...bootstrapWrites(wanted, read), ...this.#obsolete(wanted)]);
    await Promise.all(read.list(flowschemas).map((schema) => this.#sayWhetherItDangles(schema)));
  }

  /** What an older version suggested. */
  #obsolete(wanted: readonly { object: { metadata: { name: string } } }[]): BootstrapWrite[] {
    const names = new Set(wanted.map(({ object }) => object.metadata.name));
    return resources.flatMap((resource) =>
      this.#deps.read
        .list(resource)
        .filter(({ metadata }) => metadata.annotations?.[autoupdateSpec] === 'true' && !names.has(metadata.name))
        .map((object): BootstrapWrite => ({ verb: 'delete', resource, object })),
    );
  }

  async #sayWhetherItDangles(schema: FlowSchema): Promise<void> {
    const { read, clock } = this.#deps;
    const condition = danglingCondition(
      schema,
      read.get(prioritylevelconfigurations, '', schema.spec.priorityLevelConfiguration.name) !== undefined,
    );
    const now = schema.status?.conditions?.find(({ type }) => type === 'Dangling');
    if (now?.status === condition.status && now.message === condition.message) return;
    const lastTransitionTime = now?.status === condition.status ? now.lastTransitionTime : timestamp(clock.now());
    const body = {
      apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
      kind: 'FlowSchema',
      metadata: { name: schema.metadata.name },
      status: { conditions: [{ ...condition, lastTransitionTime }] },
    };
    await this.#client
      .patch(flowschemas, keyOf(schema), { type: 'apply', body }, { subresource: 'status', force: true, fieldManager })
      .catch((error: unknown) => {
        if (!isNotFound(error) && !isConflict(error)) throw error;
      });
  }

  #soon(): void {
    const { clock, log } = this.#deps;
    this.#cancel ??= clock.after(settleMs, () => {
      this.#cancel = undefined;
      this.settle().catch((error: unknown) => log.warn({ err: error }, 'flow control objects could not be settled'));
    });
  }
}

function danglingCondition({ spec }: FlowSchema, found: boolean) {
  const { name } = spec.priorityLevelConfiguration;
  const about = `This FlowSchema references the PriorityLevelConfiguration object named ${JSON.stringify(name)}`;
  return found
    ? { type: 'Dangling', status: 'False', reason: 'Found', message: `${about} and it exists` }
    : { type: 'Dangling', status: 'True', reason: 'NotFound', message: `${about} but there is no such object` };
}
