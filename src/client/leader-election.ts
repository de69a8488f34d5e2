import { leases } from '../api/generated/resources.ts';
import type { Lease, LeaseSpec } from '../api/generated/types.ts';
import { isNotFound } from '../api/meta/status-error.ts';
import type { ObjectKey } from '../api/resource.ts';
import type { Clock } from '../base/clock.ts';
import type { Rng } from '../base/rng.ts';
import type { Client } from './client.ts';

/** Times in ms; client-go's defaults. */
export interface ElectionTimes {
  leaseMs: number;
  /** A leader that could not renew for this long steps down. Shorter than the lease. */
  renewDeadlineMs: number;
  retryMs: number;
}
export const defaultElectionTimes: ElectionTimes = { leaseMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2_000 };

/** What a candidate knows: the lease as last seen, when it saw it change (own clock), and when it last renewed it. */
export interface ElectionState {
  isLeader: boolean;
  seen?: { version: string; atMs: number };
  renewedMs?: number;
}

export type ElectionInput =
  | { type: 'observed'; lease: Lease | undefined; nowMs: number }
  | { type: 'written'; lease: Lease; nowMs: number }
  | { type: 'failed'; nowMs: number };

export type ElectionEffect =
  | { type: 'write'; spec: LeaseSpec; lease: Lease | undefined }
  | { type: 'retry'; ms: number }
  | { type: 'lead' }
  | { type: 'stepDown' };

/**
 * Leader election on a Lease as a state machine. Clocks of candidates are never compared: a lease counts as expired when
 * it has not changed for its duration by the observer's own clock.
 */
export function electionStep(
  state: ElectionState,
  input: ElectionInput,
  config: ElectionTimes & { identity: string },
): { state: ElectionState; effects: ElectionEffect[] } {
  const retry: ElectionEffect = { type: 'retry', ms: config.retryMs };
  if (input.type === 'written') {
    const seen = { version: input.lease.metadata.resourceVersion ?? '', atMs: input.nowMs };
    const effects: ElectionEffect[] = state.isLeader ? [retry] : [{ type: 'lead' }, retry];
    return { state: { isLeader: true, seen, renewedMs: input.nowMs }, effects };
  }
  if (input.type === 'failed') return onFailure(state, input.nowMs, config);
  const { lease, nowMs } = input;
  const version = lease?.metadata.resourceVersion ?? '';
  const seen = state.seen?.version === version ? state.seen : { version, atMs: nowMs };
  const holder = lease?.spec.holderIdentity;
  if (holder && holder !== config.identity) {
    if (state.isLeader) return { state: { isLeader: false, seen }, effects: [{ type: 'stepDown' }, retry] };
    const durationMs = (lease.spec.leaseDurationSeconds ?? config.leaseMs / 1000) * 1000;
    if (nowMs < seen.atMs + durationMs) return { state: { ...state, seen }, effects: [retry] };
  }
  return { state: { ...state, seen }, effects: [{ type: 'write', spec: claim(lease, nowMs, config), lease }] };
}

function onFailure(state: ElectionState, nowMs: number, config: ElectionTimes) {
  const retry: ElectionEffect = { type: 'retry', ms: config.retryMs };
  const isLost = state.isLeader && nowMs - (state.renewedMs ?? 0) >= config.renewDeadlineMs;
  if (!isLost) return { state, effects: [retry] };
  return { state: { ...state, isLeader: false }, effects: [{ type: 'stepDown' } as const, retry] };
}

function claim(lease: Lease | undefined, nowMs: number, config: ElectionTimes & { identity: string }): LeaseSpec {
  const now = new Date(nowMs).toISOString().replace('Z', '000Z');
  const isOurs = lease?.spec.holderIdentity === config.identity;
  const transitions = lease?.spec.leaseTransitions ?? 0;
  return {
    holderIdentity: config.identity,
    leaseDurationSeconds: Math.ceil(config.leaseMs / 1000),
    acquireTime: isOurs ? lease.spec.acquireTime : now,
    renewTime: now,
    leaseTransitions: isOurs || !lease ? transitions : transitions + 1,
  };
}

export interface LeaderElectionOptions {
  lease: ObjectKey;
  identity: string;
  times?: ElectionTimes;
  onLead(): void;
  onStepDown(): void;
}

/** Runs the election until `stop`, which gives the lease up without releasing it: others take over when it expires. */
export function runLeaderElection(
  { client, clock, rng }: { client: Client; clock: Clock; rng: Rng },
  options: LeaderElectionOptions,
): { stop(): void } {
  const config = { ...(options.times ?? defaultElectionTimes), identity: options.identity };
  let state: ElectionState = { isLeader: false };
  let cancel = () => {};
  let stopped = false;

  function feed(input: ElectionInput): void {
    if (stopped) return;
    const next = electionStep(state, input, config);
    state = next.state;
    for (const effect of next.effects) run(effect);
  }
  function run(effect: ElectionEffect): void {
    if (effect.type === 'lead') options.onLead();
    else if (effect.type === 'stepDown') options.onStepDown();
    else if (effect.type === 'retry') cancel = clock.after(effect.ms * (1 + 0.2 * rng.next()), () => void observe());
    else void write(effect.spec, effect.lease);
  }
  async function observe(): Promise<void> {
    try {
      feed({ type: 'observed', lease: await readLease(client, options.lease), nowMs: clock.now() });
    } catch {
      feed({ type: 'failed', nowMs: clock.now() });
    }
  }
  async function write(spec: LeaseSpec, lease: Lease | undefined): Promise<void> {
    try {
      const written = lease
        ? await client.update(leases, { ...lease, spec })
        : await client.create(leases, { metadata: { ...options.lease }, spec });
      feed({ type: 'written', lease: written, nowMs: clock.now() });
    } catch {
      feed({ type: 'failed', nowMs: clock.now() });
    }
  }

  void observe();
  return {
    stop() {
      stopped = true;
      cancel();
    },
  };
}

async function readLease(client: Client, key: ObjectKey): Promise<Lease | undefined> {
  try {
    return await client.get(leases, key);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
