import { leases, nodes, pods } from '../../api/generated/resources.ts';
import type { Lease, Node, Pod } from '../../api/generated/types.ts';
import { isAlreadyExists, isNotFound } from '../../api/meta/status-error.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Rng } from '../../base/rng.ts';
import type { Client } from '../../client/client.ts';
import { BroadcastingRecorder } from '../../client/event-recorder.ts';
import { Informer } from '../../client/informer.ts';
import { admit } from '../../kubelet/admission.ts';
import { LocalVolumes } from '../../kubelet/local-volumes.ts';
import { microTimeText } from '../../kubelet/status/time-text.ts';
import { StatusWriter } from '../../kubelet/status-writer.ts';
import { claimNamesOf } from '../../placement/volumes/claim-names.ts';
import { isTerminalPhase } from '../../kubelet/worker/pod-spec.ts';
import type { PodState } from '../../kubelet/worker/state.ts';
import type { Behaviour } from './behaviour.ts';
import { HollowPod } from './hollow-pod.ts';
import { hollowLabels, hollowStatus } from './node-object.ts';
import type { HollowNodeSpec } from './node-spec.ts';
import { PodAddresses } from './pod-addresses.ts';

export interface HollowNodeDeps {
  /** Under the node's own name. */
  client: Client;
  clock: Clock;
  rng: Rng;
  log: Logger;
  behaviours: readonly Behaviour[];
}

const leaseNamespace = 'kube-node-lease';
const leaseSeconds = 40;
const retryMs = 1000;
const rejectMs = 500;
/**
 * A third as often as a kubelet: in a quiet cluster renewals are nearly all there is to do, and nobody looks at them but the
 * controller that waits 50 s for one.
 */
export const defaultHeartbeatMs = 30_000;
/** A status in which nothing changed is written with every so many heartbeats: a kubelet's five minutes, at a kubelet's pace. */
const heartbeatsPerReport = 30;

/**
 * A kubelet without containers, in this process: registers its node, renews its lease, runs the pods bound to it as
 * `HollowPod`s. It has the rights of a node and nothing more.
 */
export class HollowNode {
  readonly spec: HollowNodeSpec;
  readonly #deps: HollowNodeDeps;
  readonly #pods = new Map<string, HollowPod>();
  readonly #addresses = new PodAddresses();
  readonly #writer: StatusWriter;
  readonly #recorder: BroadcastingRecorder;
  readonly #informer: Informer<Pod>;
  /** From the first pod with a claim on: most simulated nodes never see one. */
  #volumes: LocalVolumes | undefined;
  #node: Node | undefined;
  #lease: Lease | undefined;
  #reportedAtMs = 0;
  #renewedAtMs = 0;
  #isStopped = false;
  #cancelRetry: () => void = () => {};

  /** `left`: pods that an agent before this one ran here. */
  constructor(deps: HollowNodeDeps, spec: HollowNodeSpec, left: readonly PodState[] = []) {
    this.spec = spec;
    this.#deps = deps;
    this.#writer = new StatusWriter(deps);
    this.#recorder = new BroadcastingRecorder(deps, { component: 'kubelet', host: spec.name });
    this.#informer = new Informer<Pod>(deps, pods, { fieldSelector: `spec.nodeName=${spec.name}` });
    for (const state of left) {
      this.#addresses.take(state.sandbox?.ips[0]);
      this.#add(state.pod, state);
    }
  }

  /** Resolves when the node is registered and ready, or when that failed: then it tries again by itself, as an agent does. */
  async start(): Promise<void> {
    const { clock, log } = this.#deps;
    try {
      this.#node = await this.#register();
    } catch (error) {
      log.debug({ node: this.spec.name, error: String(error) }, 'node not registered yet');
      if (!this.#isStopped) this.#cancelRetry = clock.after(retryMs, () => void this.start());
      return;
    }
    if (this.#isStopped) return;
    this.#reportedAtMs = clock.now();
    this.#renewedAtMs = clock.now();
    this.#addresses.setNetwork(this.#node.spec?.podCIDR);
    await this.heartbeat();
    if (this.#isStopped) return;
    this.#informer.start();
    void this.#informer.synced.then(() => this.#serve());
  }

  /** From here on the API's pods are this node's. */
  #serve(): void {
    if (this.#isStopped) return;
    const left = new Map(this.#pods);
    this.#informer.addHandler({
      added: (pod) => this.#added(pod),
      updated: (_, pod) => this.#updated(pod),
      deleted: (pod) => this.#deleted(pod),
    });
    // What ran here and is no more in the API has to go.
    for (const pod of this.#informer.list()) left.delete(pod.metadata.uid ?? '');
    for (const pod of left.values()) {
      pod.resume();
      pod.feed({ type: 'deleted' });
    }
  }

  /** The agent dies; what it ran stays as it is. Returns what the next one finds. */
  stop(): PodState[] {
    this.#isStopped = true;
    this.#cancelRetry();
    this.#informer.stop();
    this.#volumes?.stop();
    this.#writer.stop();
    this.#recorder.stop();
    for (const pod of this.#pods.values()) pod.stop();
    return this.podStates();
  }

  podStates(): PodState[] {
    return Array.from(this.#pods.values(), ({ state }) => state);
  }

  /** Renews the lease, and the node's status when it is old. Never rejects: a lost heartbeat is made good by the next. */
  async heartbeat(): Promise<void> {
    if (this.#isStopped) return;
    const { clock, log } = this.#deps;
    try {
      await this.#renew();
      const nowMs = clock.now();
      const reportMs = heartbeatsPerReport * (this.spec.heartbeatMs ?? defaultHeartbeatMs);
      // After so long a silence the node has been taken for lost.
      const isBack = nowMs - this.#renewedAtMs > leaseSeconds * 1000;
      if (isBack || nowMs - this.#reportedAtMs >= reportMs) await this.#report();
      this.#renewedAtMs = nowMs;
    } catch (error) {
      this.#lease = undefined;
      this.#cancelRetry();
      if (!this.#isStopped) this.#cancelRetry = clock.after(retryMs, () => void this.heartbeat());
      log.debug({ node: this.spec.name, error: String(error) }, 'heartbeat failed');
    }
  }

  async #register(): Promise<Node> {
    const { client, clock } = this.#deps;
    const { name, labels, taints } = this.spec;
    const status = hollowStatus(this.spec, { nowMs: clock.now() });
    const spec = taints ? { taints: [...taints] } : {};
    try {
      return await client.create(nodes, {
        metadata: { name, labels: { ...hollowLabels(name), ...labels } },
        spec,
        status,
      });
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
    this.#node = await client.get(nodes, { name });
    return this.#report();
  }

  async #report(): Promise<Node> {
    const { client, clock } = this.#deps;
    const { name } = this.spec;
    const node = await client.get(nodes, { name });
    const nowMs = clock.now();
    const { conditions } = hollowStatus(this.spec, { nowMs, old: node.status });
    const body = { metadata: { uid: node.metadata.uid }, status: { conditions } };
    this.#node = await client.patch(nodes, { name }, { type: 'strategic', body }, { subresource: 'status' });
    this.#reportedAtMs = nowMs;
    return this.#node;
  }

  async #renew(): Promise<void> {
    const { client, clock } = this.#deps;
    const { name } = this.spec;
    const renewTime = microTimeText(clock.now());
    if (this.#lease) {
      this.#lease = await client.update(leases, { ...this.#lease, spec: { ...this.#lease.spec, renewTime } });
      return;
    }
    const key = { namespace: leaseNamespace, name };
    const found = await client.get(leases, key).catch(orUndefined);
    if (found) {
      this.#lease = await client.update(leases, { ...found, spec: { ...found.spec, renewTime } });
      return;
    }
    const { uid } = this.#node?.metadata ?? {};
    const ownerReferences = uid ? [{ apiVersion: 'v1', kind: 'Node', name, uid }] : [];
    const spec = { holderIdentity: name, leaseDurationSeconds: leaseSeconds, renewTime };
    this.#lease = await client.create(leases, { metadata: { ...key, ownerReferences }, spec });
  }

  #added(pod: Pod): void {
    const known = this.#pods.get(pod.metadata.uid ?? '');
    if (known) return known.resume(pod);
    const isNew = !isTerminalPhase(pod.status?.phase) && !pod.metadata.deletionTimestamp && !pod.status?.startTime;
    const rejection =
      isNew && this.#node ? admit(pod, this.#node, { others: this.#activePods(), hasAppArmor: true }) : undefined;
    const hollow = this.#add(pod);
    // Not at once: whoever replaces the pod may send the next one here as well, and a circle must cost time.
    if (rejection) this.#deps.clock.after(rejectMs, () => void this.#admitLate(pod, hollow));
    // What the API says ran here and is not here any more has ended.
    else hollow?.feed({ type: 'runtime', runtime: { sandboxes: [], containers: [] } });
  }

  /** Admits by what the node is now: its labels may have changed since it was last read. */
  async #admitLate(pod: Pod, hollow: HollowPod | undefined): Promise<void> {
    const { client } = this.#deps;
    this.#node = await client.get(nodes, { name: this.spec.name }).catch(() => this.#node);
    const others = this.#activePods().filter(({ metadata }) => metadata.uid !== pod.metadata.uid);
    const rejection = this.#node ? admit(pod, this.#node, { others, hasAppArmor: true }) : undefined;
    if (rejection) hollow?.feed({ type: 'rejected', ...rejection });
    else hollow?.feed({ type: 'runtime', runtime: { sandboxes: [], containers: [] } });
  }

  #startVolumes(): void {
    if (this.#volumes) return;
    this.#volumes = new LocalVolumes({ ...this.#deps, removeData: async () => {} }, this.spec.name);
    this.#volumes.start();
  }

  #add(pod: Pod, state?: PodState): HollowPod | undefined {
    const { clock, rng, behaviours, log } = this.#deps;
    if (claimNamesOf(pod).length > 0) this.#startVolumes();
    try {
      const hollow = new HollowPod(
        {
          clock,
          rng,
          behaviours,
          recorder: this.#recorder,
          statusWriter: this.#writer,
          hostIps: [this.spec.address],
          giveIp: () => this.#giveIp(),
          finished: (uid) => this.#forget(uid),
        },
        pod,
        state,
      );
      this.#pods.set(pod.metadata.uid ?? '', hollow);
      return hollow;
    } catch (error) {
      // A behaviour that does not exist. The pod stays pending, and says why.
      log.error({ pod: pod.metadata.name, error: String(error) }, 'pod not run');
      const about = { ...pod, kind: 'Pod', apiVersion: 'v1' };
      this.#recorder.event(
        about,
        'Warning',
        'UnknownBehaviour',
        error instanceof Error ? error.message : String(error),
      );
      return undefined;
    }
  }

  /** Rejects, as a real node's plugins do, as long as the node has no network for its pods. */
  #giveIp(): string | Promise<string> {
    return this.#addresses.hasNetwork ? this.#addresses.give() : this.#firstIp();
  }

  /** A controller gives the node its network soon after it has registered. */
  async #firstIp(): Promise<string> {
    const { spec } = await this.#deps.client.get(nodes, { name: this.spec.name });
    this.#addresses.setNetwork(spec?.podCIDR);
    if (!this.#addresses.hasNetwork) throw new Error('network is not ready: the node has no podCIDR yet');
    return this.#addresses.give();
  }

  #activePods(): Pod[] {
    return this.podStates()
      .filter(({ stage }) => stage === 'syncing' || stage === 'terminating')
      .map(({ pod }) => pod);
  }

  #updated(pod: Pod): void {
    this.#writer.observe(pod);
    this.#pods.get(pod.metadata.uid ?? '')?.feed({ type: 'pod', pod });
  }

  #deleted(pod: Pod): void {
    const uid = pod.metadata.uid ?? '';
    this.#writer.forget(uid);
    this.#pods.get(uid)?.feed({ type: 'deleted', pod });
  }

  #forget(uid: string): void {
    this.#addresses.free(this.#pods.get(uid)?.state.sandbox?.ips[0]);
    this.#pods.delete(uid);
  }
}

function orUndefined(error: unknown): undefined {
  if (!isNotFound(error)) throw error;
  return undefined;
}
