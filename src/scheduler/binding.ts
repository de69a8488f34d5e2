import type { Pod } from '../api/generated/types.ts';
import type { Snapshot } from '../placement/snapshot.ts';
import type { BindingHandle, Placed, SchedulerPlugin } from './plugin.ts';
import type { PermitBarrier } from './permit-barrier.ts';
import { type PointTimer, timed, timedWait } from './point-timer.ts';
import type { Profile } from './profile.ts';

/** A step of a plugin went wrong; the message says which, in Kubernetes' words. */
export class BindingFailure extends Error {}

/**
 * Takes what the pod needs on its node, in memory: from here on it counts there, and no more as one that was promised a
 * node. Throws `BindingFailure` when a plugin cannot, with everything given back.
 */
export function reserve(profile: Profile, snapshot: Snapshot, pod: Pod, at: { node: string; slot: number }): Placed {
  const placed: Placed = { pod, ...at, snapshot, state: new Map() };
  snapshot.nominations.remove(pod.metadata.uid as string);
  snapshot.addPod(pod, at.node);
  for (const plugin of profile.at.reserve) {
    const problem = plugin.reserve?.(placed);
    if (problem === undefined) continue;
    release(profile, placed);
    throw new BindingFailure(`running Reserve plugin "${plugin.name}": ${problem}`);
  }
  return placed;
}

/** Gives back what `reserve` took, in the opposite order. */
export function release(profile: Profile, placed: Placed): void {
  for (const plugin of profile.at.reserve.toReversed()) plugin.unreserve?.(placed);
  placed.snapshot.removePod(placed.pod.metadata.uid as string);
}

interface BindOptions {
  readonly barrier?: PermitBarrier | undefined;
  readonly timer?: PointTimer | undefined;
  /** Tells the cluster where the pod is going; called before all else when its binding takes a while. */
  readonly announce?: (() => Promise<void>) | undefined;
}

/** The plugins that have something to do before the pod may be bound. */
export const workBefore = ({ at }: Profile, placed: Placed): SchedulerPlugin[] =>
  at.preBind.filter((plugin) => plugin.preFlight?.(placed) ?? true);

/** Writes what has to be written before the pod may have its node, waits until it is permitted to, then writes its node. */
export async function bind(
  profile: Profile,
  placed: Placed,
  handle: BindingHandle,
  { barrier, timer, announce }: BindOptions = {},
): Promise<void> {
  const { at } = profile;
  const working = timed(
    timer,
    'PreBindPreFlight',
    () => workBefore(profile, placed),
    ({ length }) => (length > 0 ? 'Success' : 'Skip'),
  );
  if (announce && (working.length > 0 || barrier?.isSlow)) await announce();
  if (working.length > 0) await timedWait(timer, 'PreBind', () => preBind(working, placed, handle));
  if (barrier) await timedWait(timer, 'Permit', () => barrier.pass());
  // The first that binds does it.
  await timedWait(timer, 'Bind', () => at.bind[0]?.bind?.(placed, handle));
  for (const plugin of at.postBind) plugin.postBind?.(placed);
}

async function preBind(plugins: readonly SchedulerPlugin[], placed: Placed, handle: BindingHandle): Promise<void> {
  for (const plugin of plugins) {
    await plugin.preBind?.(placed, handle).catch((error: unknown) => {
      throw failureOf('PreBind', plugin, error);
    });
  }
}

const failureOf = (point: string, { name }: SchedulerPlugin, error: unknown): BindingFailure =>
  new BindingFailure(`running ${point} plugin "${name}": ${error instanceof Error ? error.message : String(error)}`, {
    cause: error,
  });
