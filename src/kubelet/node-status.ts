import type { RuntimeHandler } from '../api/generated/cri.ts';
import { leases, nodes } from '../api/generated/resources.ts';
import type { Lease, Node, NodeStatus } from '../api/generated/types.ts';
import { isAlreadyExists, isNotFound } from '../api/meta/status-error.ts';
import { every, type Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Rng } from '../base/rng.ts';
import type { Client } from '../client/client.ts';
import { Informer } from '../client/informer.ts';
import { compareVersions } from '../client/resource-version.ts';
import type { Cri } from '../cri/cri.ts';
import { type Machine, readMachine } from './node/machine.ts';
import type { Pressure } from './eviction/thresholds.ts';
import { type NodeFacts, type NodeIdentity, nodeLabels, nodeStatus } from './node/node-object.ts';
import { microTimeText } from './status/time-text.ts';

export interface NodeReporterDeps {
  client: Client;
  cri: Cri;
  clock: Clock;
  rng: Rng;
  log: Logger;
  /** What the node is short of; nothing unless told. */
  pressures?(): ReadonlySet<Pressure>;
  isShuttingDown?(): boolean;
  /** The node's object has changed. */
  observed?(node: Node): void;
}

const leaseNamespace = 'kube-node-lease';
const leaseSeconds = 40;
const heartbeatMs = 10_000;
/** The status is looked at this often and written when something but the heartbeat changed, or after `reportMs`. */
const checkMs = 10_000;
/** A node that is not ready yet looks more often: pods wait for it. */
const notReadyCheckMs = 500;
const reportMs = 300_000;
const registerRetryMs = 1000;

/**
 * Keeps the node's object and lease: registers it, renews the lease every 10 s, writes the status when it changes, and soon
 * when somebody else changed it: a node that was taken for lost says that it is there.
 */
export class NodeReporter {
  readonly #deps: NodeReporterDeps;
  readonly #identity: NodeIdentity & { dataDir: string; labels?: Record<string, string> };
  readonly #informer: Informer<Node>;
  #cancelRetry: () => void = () => {};
  #isReporting = false;
  #cancelReport: () => void = () => {};
  #stopHeartbeat: () => void = () => {};
  #node: Node | undefined;
  #runtimeHandlers: readonly RuntimeHandler[] = [];
  #lease: Lease | undefined;
  #writtenAtMs = 0;
  #isStopped = false;

  constructor(deps: NodeReporterDeps, identity: NodeIdentity & { dataDir: string; labels?: Record<string, string> }) {
    this.#deps = deps;
    this.#identity = identity;
    this.#informer = new Informer<Node>(deps, nodes, { fieldSelector: `metadata.name=${identity.nodeName}` });
  }

  /** The newest state of the node that is known here. */
  get node(): Node | undefined {
    return this.#node;
  }

  /** What the runtime told last of the ways that it can run pods; an older one tells nothing. */
  get runtimeHandlers(): readonly RuntimeHandler[] {
    return this.#runtimeHandlers;
  }

  /** Resolves when the node is registered with its first status; from then on all goes by itself. */
  async start(): Promise<void> {
    const { clock, log } = this.#deps;
    while (!this.#isStopped) {
      try {
        this.#know(await this.#register());
        break;
      } catch (error) {
        log.warn({ error: String(error) }, 'node not registered yet');
        await this.#pause();
      }
    }
    await this.#report();
    void this.#renew();
    if (this.#isStopped) return;
    this.#stopHeartbeat = every(clock, heartbeatMs, () => void this.#renew());
    this.#scheduleReport();
    this.#informer.addHandler({ added: (node) => this.#observe(node), updated: (_, node) => this.#observe(node) });
    this.#informer.start();
  }

  stop(): void {
    this.#isStopped = true;
    this.#informer.stop();
    this.#cancelRetry();
    this.#cancelReport();
    this.#stopHeartbeat();
  }

  /** Something that the status says has changed. */
  reportSoon(): void {
    if (this.#isStopped || !this.#node) return;
    this.#cancelReport();
    this.#cancelReport = this.#deps.clock.after(0, () => this.#reportNow());
  }

  #observe(node: Node): void {
    if (compareVersions(node.metadata.resourceVersion, this.#node?.metadata.resourceVersion) <= 0) return;
    this.#know(node);
    if (!this.#isReporting) this.#scheduleReport();
  }

  #know(node: Node): void {
    this.#node = node;
    this.#deps.observed?.(node);
  }

  #scheduleReport(): void {
    if (this.#isStopped) return;
    const isReady = this.#node?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
    this.#cancelReport();
    const delayMs = isReady ? checkMs : notReadyCheckMs;
    this.#cancelReport = this.#deps.clock.after(delayMs, () => this.#reportNow());
  }

  async #reportNow(): Promise<void> {
    this.#isReporting = true;
    await this.#report();
    this.#isReporting = false;
    this.#scheduleReport();
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#deps.clock.after(registerRetryMs, resolve);
      this.#cancelRetry = () => {
        cancel();
        resolve();
      };
    });
  }

  async #register(): Promise<Node> {
    const { client } = this.#deps;
    const { nodeName, dataDir } = this.#identity;
    const labels = { ...nodeLabels(this.#identity, await readMachine(dataDir)), ...this.#identity.labels };
    const annotations = { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' };
    const manifest = { metadata: { name: nodeName, labels, annotations }, spec: {}, status: {} };
    try {
      const facts = await this.#facts();
      const status = nodeStatus(this.#identity, facts, { nowMs: this.#deps.clock.now() });
      return await client.create(nodes, { ...manifest, status });
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
    const known = await client.get(nodes, { name: nodeName });
    const missing = Object.entries(labels).filter(([key, value]) => known.metadata.labels?.[key] !== value);
    if (missing.length === 0) return known;
    const body = { metadata: { labels: Object.fromEntries(missing) } };
    return client.patch(nodes, { name: nodeName }, { type: 'merge', body });
  }

  /** Never rejects: the next look is soon. */
  async #report(): Promise<void> {
    const { client, clock, log } = this.#deps;
    const name = this.#identity.nodeName;
    try {
      const facts = await this.#facts();
      const nowMs = clock.now();
      const status = nodeStatus(this.#identity, facts, { nowMs, old: this.#node?.status });
      const isOld = nowMs - this.#writtenAtMs >= reportMs;
      if (!isOld && meaning(status) === meaning(this.#node?.status)) return;
      // Conditions of others (NetworkUnavailable) are in the list too: read before written.
      const known = await client.get(nodes, { name });
      const next = nodeStatus(this.#identity, facts, { nowMs, old: known.status });
      const body = {
        metadata: { resourceVersion: known.metadata.resourceVersion },
        // An empty list is none.
        status: { ...next, volumesInUse: someOf(next.volumesInUse), runtimeHandlers: someOf(next.runtimeHandlers) },
      };
      this.#know(await client.patch(nodes, { name }, { type: 'merge', body }, { subresource: 'status' }));
      this.#writtenAtMs = nowMs;
    } catch (error) {
      log.warn({ error: String(error) }, 'node status not written');
      if (isNotFound(error))
        await this.#register().then(
          (node) => this.#know(node),
          () => undefined,
        );
    }
  }

  async #facts(): Promise<NodeFacts> {
    const { runtime, images } = this.#deps.cri;
    const machine: Machine = await readMachine(this.#identity.dataDir);
    const pressures = this.#deps.pressures?.() ?? new Set();
    const isShuttingDown = this.#deps.isShuttingDown?.() ?? false;
    try {
      const [version, { status, runtimeHandlers = [] }, listed] = await Promise.all([
        runtime.Version({}),
        runtime.Status({}),
        images.ListImages({}),
      ]);
      this.#runtimeHandlers = runtimeHandlers;
      const told = { version, runtimeConditions: status?.conditions ?? [], runtimeHandlers };
      return { machine, ...told, images: listed.images ?? [], pressures, isShuttingDown };
    } catch (error) {
      this.#deps.log.warn({ error: String(error) }, 'the container runtime does not answer');
      const { runtimeHandlers } = this;
      return { machine, version: {}, images: [], runtimeHandlers, pressures, isShuttingDown };
    }
  }

  /** Never rejects: a lost heartbeat is made good by the next. */
  async #renew(): Promise<void> {
    const { client, clock, log } = this.#deps;
    const { nodeName } = this.#identity;
    const key = { namespace: leaseNamespace, name: nodeName };
    const renewTime = microTimeText(clock.now());
    try {
      if (this.#lease) {
        const spec = { ...this.#lease.spec, renewTime };
        this.#lease = await client.update(leases, { ...this.#lease, spec });
        return;
      }
      this.#lease = await client.get(leases, key).catch(async (error: unknown) => {
        if (!isNotFound(error)) throw error;
        const spec = { holderIdentity: nodeName, leaseDurationSeconds: leaseSeconds, renewTime };
        const { uid } = this.#node?.metadata ?? {};
        const owners = uid ? [{ apiVersion: 'v1', kind: 'Node', name: nodeName, uid }] : [];
        return client.create(leases, { metadata: { ...key, ownerReferences: owners }, spec });
      });
    } catch (error) {
      // Read it anew next time: somebody else may have written it.
      this.#lease = undefined;
      log.debug({ error: String(error) }, 'node lease not renewed');
    }
  }
}

/** The status without what only time changes. */
function meaning(status: NodeStatus | undefined): string {
  const conditions = status?.conditions?.map(({ type, status: value, reason, message }) => [
    type,
    value,
    reason,
    message,
  ]);
  const { capacity, allocatable, addresses, daemonEndpoints, nodeInfo, images, volumesInUse } = status ?? {};
  const { declaredFeatures, runtimeHandlers } = status ?? {};
  return JSON.stringify([
    conditions,
    sorted(capacity),
    sorted(allocatable),
    addresses,
    daemonEndpoints,
    sorted(nodeInfo),
    images?.map((i) => i.names),
    volumesInUse ?? [],
    declaredFeatures ?? [],
    runtimeHandlers?.map(({ name = '', features }) => [name, sorted(features)]) ?? [],
  ]);
}

const someOf = <T>(list: T[] | undefined): T[] | null => (list?.length ? list : null);

const sorted = (map: object | undefined) => Object.entries(map ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1));
