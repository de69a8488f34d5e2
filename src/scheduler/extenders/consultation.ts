import type { Pod } from '../../api/generated/types.ts';
import type { Logger } from '../../base/log.ts';
import type { NodeInfo } from '../../placement/node-info.ts';
import { maxScore } from '../../placement/scores/node-score.ts';
import type { Snapshot } from '../../placement/snapshot.ts';
import { BindingFailure } from '../binding.ts';
import { upstreamName, type EventKind } from '../cluster-events.ts';
import { always, forAll } from '../hints.ts';
import type { PostFilterResult, SchedulerPlugin } from '../plugin.ts';
import type { Profile } from '../profile.ts';
import type { Extender, Refusal } from './extender.ts';

/** Of an extender's scores. */
const maxExtenderScore = 10;

/** Under which name extenders turn a pod away. What they know is not ours to see: whatever happens may have changed it. */
export const extenderName = 'Extender';
export const extenderHints = {
  name: extenderName,
  hints: forAll(always, ...(Object.keys(upstreamName) as EventKind[])),
  isLocal: false,
};

/** What the extenders said of one pod. */
export interface Opinion {
  readonly accepted: ReadonlySet<string>;
  readonly refused: ReadonlyMap<string, Refusal>;
  /** By the names of nodes, beside the scores of plugins. */
  readonly scores: ReadonlyMap<string, number>;
  /** It makes the binding. */
  readonly binder: Extender | undefined;
}

interface Asked {
  readonly extenders: readonly Extender[];
  readonly log: Logger;
}

/** Asks the extenders one after another about the nodes that are left. Rejects with `BindingFailure` when one that counts fails. */
export async function consult({ extenders, log }: Asked, pod: Pod, nodes: readonly NodeInfo[]): Promise<Opinion> {
  const refused = new Map<string, Refusal>();
  let left = nodes;
  for (const extender of extenders) {
    if (!extender.config.filterVerb || left.length === 0) continue;
    const answer = await unlessIgnorable({ extender, log }, () => extender.filter(pod, left));
    if (!answer) continue;
    for (const [name, refusal] of answer.refused) refused.set(name, refusal);
    left = answer.accepted;
  }
  return {
    accepted: new Set(left.map(({ name }) => name)),
    refused,
    scores: left.length > 1 ? await scoresOf({ extenders, log }, pod, left) : new Map(),
    binder: extenders.find(({ config }) => config.bindVerb),
  };
}

/** One that does not answer has no preference. */
async function scoresOf({ extenders, log }: Asked, pod: Pod, nodes: readonly NodeInfo[]): Promise<Map<string, number>> {
  const total = new Map<string, number>();
  const scoring = extenders.filter(({ config }) => config.prioritizeVerb);
  const all = await Promise.all(
    scoring.map(async (extender) => {
      const scores = await extender.prioritize(pod, nodes).catch((error: unknown) => {
        log.warn({ err: error, pod: pod.metadata.name }, 'an extender gave no scores');
        return new Map<string, number>();
      });
      return { scores, factor: (extender.config.weight * maxScore) / maxExtenderScore };
    }),
  );
  for (const { scores, factor } of all)
    for (const [name, score] of scores) total.set(name, (total.get(name) ?? 0) + score * factor);
  return total;
}

/** What can be done for the pod, as far as the extenders go along with it. */
export async function approved(
  { extenders, log }: Asked,
  pod: Pod,
  remedies: readonly PostFilterResult[],
): Promise<PostFilterResult[]> {
  const results: PostFilterResult[] = [];
  for (const remedy of remedies) {
    let nominated = remedy.nominated;
    for (const extender of extenders) {
      if (!nominated || !extender.config.preemptVerb) continue;
      const asked = nominated;
      const answer = await unlessIgnorable({ extender, log }, async () => ({
        victims: await extender.preempt(pod, asked),
      }));
      if (answer) nominated = answer.victims && { node: asked.node, victims: answer.victims };
    }
    const { nominated: _, ...rest } = remedy;
    results.push(nominated ? { ...rest, nominated } : rest);
  }
  return results;
}

async function unlessIgnorable<T>(
  { extender, log }: { extender: Extender; log: Logger },
  ask: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (!extender.config.ignorable) throw new BindingFailure((error as Error).message, { cause: error });
    log.warn({ err: error }, 'an extender is passed over');
    return undefined;
  }
}

/** The profile with what the extenders said as one plugin more: nodes that they were not asked about are out. */
export function profileWith(profile: Profile, opinion: Opinion): Profile {
  const { accepted, refused, scores, binder } = opinion;
  const nameAt = (snapshot: Snapshot, slot: number) => snapshot.node(slot)?.name ?? '';
  const score = {
    prepare:
      ({ snapshot }: { snapshot: Snapshot }) =>
      (slot: number) =>
        scores.get(nameAt(snapshot, slot)) ?? 0,
  };
  const plugin: SchedulerPlugin = {
    name: extenderName,
    filter: {
      prepare: ({ snapshot }) => ({
        passes: (slot) => accepted.has(nameAt(snapshot, slot)),
        reasons: (slot) => [refused.get(nameAt(snapshot, slot))?.reason ?? 'node(s) were not accepted by an extender'],
        resolvable: (slot) => refused.get(nameAt(snapshot, slot))?.isResolvable ?? false,
      }),
    },
    score,
    ...(binder ? { bind: (placed) => binder.bind(placed) } : {}),
  };
  const { at } = profile;
  const bind = binder ? [plugin] : at.bind;
  return {
    ...profile,
    at: { ...at, filter: [...at.filter, plugin], bind },
    scores: [...profile.scores, { score, weight: 1 }],
  };
}
