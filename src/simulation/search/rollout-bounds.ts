import type { Deployment } from '../../api/generated/types.ts';

/** How many pods a Deployment may have, and must have. */
export interface Bounds {
  most: number;
  least: number;
}

/** Bounds of Deployments as their controller may know them: all states since the one that it says it has looked at. */
export class BoundsInForce {
  readonly #byUid = new Map<string, { generation: number; bounds: Bounds }[]>();

  note(before: Deployment | undefined, now: Deployment | undefined): void {
    const uid = (now ?? before)?.metadata.uid as string;
    // One that goes takes its pods along.
    if (!now || now.metadata.deletionTimestamp) {
      this.#byUid.delete(uid);
      return;
    }
    const known = this.#byUid.get(uid) ?? [];
    const generation = now.metadata.generation ?? 0;
    if (known.at(-1)?.generation !== generation) known.push({ generation, bounds: boundsOf(now) });
    const seen = Math.min(now.status?.observedGeneration ?? 0, generation);
    this.#byUid.set(
      uid,
      known.filter((each) => each.generation >= seen),
    );
  }

  /** The widest of those; undefined for what is no Deployment. */
  of(uid: string | undefined): Bounds | undefined {
    const known = this.#byUid.get(uid ?? '');
    if (!known) return undefined;
    return {
      most: Math.max(...known.map(({ bounds }) => bounds.most)),
      least: Math.min(...known.map(({ bounds }) => bounds.least)),
    };
  }
}

/** By the words of the API: a share of the surge is rounded up, one of what may be unavailable down; not both can be 0. */
function boundsOf({ spec }: Deployment): Bounds {
  const { replicas = 1, strategy } = spec ?? {};
  const { maxSurge = '25%', maxUnavailable = '25%' } = strategy?.rollingUpdate ?? {};
  const part = (value: number | string, round: (n: number) => number) =>
    typeof value === 'number' ? value : round((Number.parseFloat(value) * replicas) / 100);
  const surge = part(maxSurge, Math.ceil);
  const short = part(maxUnavailable, Math.floor);
  return { most: replicas + surge, least: replicas - (surge + short === 0 ? 1 : Math.min(short, replicas)) };
}
