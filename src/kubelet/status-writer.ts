import { pods } from '../api/generated/resources.ts';
import type { Pod, PodStatus } from '../api/generated/types.ts';
import { isConflict, isNotFound } from '../api/meta/status-error.ts';
import { keyOf } from '../api/resource.ts';
import { backoffMs } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Client } from '../client/client.ts';
import { compareVersions } from '../client/resource-version.ts';
import { ownConditions, passingConditions, terminatedByKubelet } from './status/pod-conditions.ts';

interface Entry {
  /** The newest state of the object that is known here: the informer's or the answer to a write. */
  base: Pod;
  wanted?: PodStatus;
  /** What this node said last. Others may write over it: the node lifecycle controller does when it takes the node for lost. */
  said?: PodStatus;
  isDeleteWanted: boolean;
  isWriting: boolean;
  failures: number;
  cancelRetry(): void;
}

const retry = { baseMs: 500, maxMs: 10_000 };

/** What another wrote over our status stands this long: two that disagree must not write without pause. */
const reassertMs = 1000;

/**
 * A pod that starts has got an address, or its container an id: that can wait so long, for mostly it runs a moment later. The
 * kubelet looks at a pod no more often.
 */
const patienceMs = 1000;

/** Takes what there is to say of pods. */
export interface StatusSink {
  observe(pod: Pod): void;
  write(pod: Pod, status: PodStatus): void;
  /** The object is to go for good, once its last status is stored. */
  delete(pod: Pod): void;
}

/**
 * Writes pod statuses: one write at a time for each pod, the newest wanted status only, and of it what differs. The final
 * deletion comes after the last status is stored. Failures are tried again until the object is gone. What somebody else
 * writes over a status is put right again, as the kubelet's status manager does.
 */
export class StatusWriter implements StatusSink {
  readonly #deps: { client: Client; clock: Clock; log: Logger };
  readonly #entries = new Map<string, Entry>();
  #isStopped = false;

  constructor(deps: { client: Client; clock: Clock; log: Logger }) {
    this.#deps = deps;
  }

  /** The informer's newest; never goes back behind what a write has answered. */
  observe(pod: Pod): void {
    const entry = this.#entries.get(pod.metadata.uid ?? '');
    if (!entry || !isNewer(pod, entry.base)) return;
    entry.base = pod;
    this.#reassertSoon(entry);
  }

  write(pod: Pod, status: PodStatus): void {
    const entry = this.#entry(pod);
    entry.wanted = status;
    entry.said = status;
    if (isOnItsWay(entry.base.status ?? {}, status)) this.#startSoon(entry);
    else this.#start(entry);
  }

  /** Deletes the object for good, once the last status is stored. */
  delete(pod: Pod): void {
    const entry = this.#entry(pod);
    entry.isDeleteWanted = true;
    this.#start(entry);
  }

  /** The object is gone: nothing more to write. */
  forget(uid: string): void {
    this.#entries.get(uid)?.cancelRetry();
    this.#entries.delete(uid);
  }

  stop(): void {
    this.#isStopped = true;
    for (const entry of this.#entries.values()) entry.cancelRetry();
  }

  #entry(pod: Pod): Entry {
    const uid = pod.metadata.uid ?? '';
    let entry = this.#entries.get(uid);
    if (!entry) {
      entry = { base: pod, isDeleteWanted: false, isWriting: false, failures: 0, cancelRetry: () => {} };
      this.#entries.set(uid, entry);
    }
    this.observe(pod);
    return entry;
  }

  #startSoon(entry: Entry): void {
    if (entry.isWriting || this.#isStopped) return;
    entry.cancelRetry();
    entry.cancelRetry = this.#deps.clock.after(patienceMs, () => this.#start(entry));
  }

  #start(entry: Entry): void {
    if (entry.isWriting || this.#isStopped) return;
    entry.cancelRetry();
    entry.isWriting = true;
    // What the same turn still says of the pod goes into this write.
    void Promise.resolve().then(() => this.#writeAll(entry));
  }

  async #writeAll(entry: Entry): Promise<void> {
    try {
      while (entry.wanted && this.#isKnown(entry)) {
        const { wanted } = entry;
        const isLast = await this.#patch(entry, wanted);
        if (isLast && entry.wanted === wanted) entry.wanted = undefined;
      }
      if (entry.isDeleteWanted && this.#isKnown(entry)) await this.#delete(entry);
      entry.failures = 0;
      entry.isWriting = false;
    } catch (error) {
      entry.isWriting = false;
      await this.#failed(entry, error);
    }
  }

  #reassertSoon(entry: Entry): void {
    const { base, said, wanted, isDeleteWanted, isWriting } = entry;
    if (!said || wanted || isDeleteWanted || isWriting || !statusPatch(base.status ?? {}, said)) return;
    entry.wanted = said;
    entry.cancelRetry = this.#deps.clock.after(reassertMs, () => this.#start(entry));
  }

  #isKnown(entry: Entry): boolean {
    return !this.#isStopped && this.#entries.get(entry.base.metadata.uid ?? '') === entry;
  }

  /** False when somebody else has written since: look again. */
  async #patch(entry: Entry, wanted: PodStatus): Promise<boolean> {
    const { base } = entry;
    const { uid, resourceVersion } = base.metadata;
    const status = statusPatch(base.status ?? {}, wanted);
    if (!status) return true;
    // Both must hold: this very object, and in the state that the difference was computed from.
    const body = { metadata: { uid, resourceVersion }, status };
    const answer = await this.#deps.client.patch(pods, keyOf(base), { type: 'merge', body }, { subresource: 'status' });
    if (isNewer(entry.base, answer)) return false;
    entry.base = answer;
    return true;
  }

  async #delete(entry: Entry): Promise<void> {
    const { base } = entry;
    const options = { gracePeriodSeconds: 0, preconditions: { uid: base.metadata.uid } };
    await this.#deps.client.delete(pods, keyOf(base), options);
    this.forget(base.metadata.uid ?? '');
  }

  async #failed(entry: Entry, error: unknown): Promise<void> {
    const { client, clock, log } = this.#deps;
    const { uid = '', name } = entry.base.metadata;
    if (isNotFound(error)) return this.forget(uid);
    if (isConflict(error)) {
      const current = await client.get(pods, keyOf(entry.base)).catch((failure: unknown) => failure);
      // Another pod has the name now.
      if (isNotFound(current) || (isPod(current) && current.metadata.uid !== uid)) return this.forget(uid);
      if (isPod(current)) entry.base = current;
    }
    if (!this.#isKnown(entry)) return;
    entry.failures++;
    log.debug({ pod: name, error: String(error), failures: entry.failures }, 'pod status not written');
    const delayMs = isConflict(error) && entry.failures === 1 ? 0 : backoffMs(entry.failures, retry);
    entry.cancelRetry = clock.after(delayMs, () => this.#start(entry));
  }
}

const isNewer = (a: Pod, b: Pod): boolean =>
  compareVersions(a.metadata.resourceVersion, b.metadata.resourceVersion) > 0;

const isPod = (value: unknown): value is Pod => typeof value === 'object' && value !== null && 'metadata' in value;

/** The fields of the status that differ, as a merge patch; undefined when none does. Other owners' conditions stay. */
export function statusPatch(old: PodStatus, wanted: PodStatus): Record<string, unknown> | undefined {
  const ended = (wanted.conditions ?? [])
    .filter(({ reason }) => reason === terminatedByKubelet)
    .map(({ type }) => type);
  const own = new Set<string>([...ownConditions, ...passingConditions, ...ended]);
  const conditions = [
    ...(wanted.conditions ?? []).filter(({ type }) => own.has(type)),
    ...(old.conditions ?? []).filter(({ type }) => !own.has(type)),
  ];
  const target: Record<string, unknown> = { ...wanted, conditions };
  const patch: Record<string, unknown> = {};
  for (const key of new Set([...Object.keys(old), ...Object.keys(target)])) {
    if (othersFields.has(key)) continue;
    const before = (old as Record<string, unknown>)[key];
    if (sameValue(before, target[key])) continue;
    if (target[key] !== undefined) patch[key] = target[key];
    else if (removable.has(key)) patch[key] = null;
  }
  return Object.keys(patch).length > 0 ? patch : undefined;
}

/** Whether a pod that was said to be starting still is, with all its containers in the states that they were said to be in. */
function isOnItsWay(said: PodStatus, now: PodStatus): boolean {
  if (said.phase !== 'Pending' || now.phase !== 'Pending' || !said.startTime) return false;
  return sameValue([said.reason, said.message], [now.reason, now.message]) && sameValue(statesOf(said), statesOf(now));
}

const statesOf = ({ initContainerStatuses = [], containerStatuses = [], ephemeralContainerStatuses = [] }: PodStatus) =>
  [...initContainerStatuses, ...containerStatuses, ...ephemeralContainerStatuses].map(
    ({ name, state, lastState, restartCount }) => [name, state, lastState, restartCount],
  );

/** Fields whose absence means something; any other that is not ours is left alone. */
const removable = new Set([
  'podIP',
  'podIPs',
  'reason',
  'message',
  'initContainerStatuses',
  'ephemeralContainerStatuses',
]);

/** Fields that the kubelet shows and never writes: the API server's, the scheduler's, the resource claim controller's. */
const othersFields = new Set(['qosClass', 'nominatedNodeName', 'resourceClaimStatuses', 'extendedResourceClaimStatus']);

/** Whether two values say the same, whatever the order of members; null and absent are one. */
function sameValue(a: unknown, b: unknown): boolean {
  if (a === b || (isAbsent(a) && isAbsent(b))) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, i) => sameValue(item, b[i]));
  }
  for (const key in a) if (!sameValue(a[key as never], b[key as never])) return false;
  for (const key in b) if (!isAbsent(b[key as never]) && isAbsent(a[key as never])) return false;
  return true;
}

const isAbsent = (value: unknown): boolean => value === undefined || value === null;
