import type { NodeScore } from '../placement/scores/node-score.ts';
import type { SchedulerPlugin } from './plugin.ts';

export interface WeightedScore {
  readonly score: NodeScore;
  readonly weight: number;
}

/** The points of the scheduling framework, as KubeSchedulerConfiguration names them (kubescheduler.config.k8s.io/v1). */
export const points = [
  'preEnqueue',
  'queueSort',
  'preFilter',
  'filter',
  'postFilter',
  'preScore',
  'score',
  'reserve',
  'permit',
  'preBind',
  'bind',
  'postBind',
] as const;

export type Point = (typeof points)[number];

/** What a plugin has to offer at a point; preparing a filter or a score has none of its own. */
const member = {
  preEnqueue: 'preEnqueue',
  queueSort: 'compare',
  preFilter: 'filter',
  filter: 'filter',
  postFilter: 'postFilter',
  preScore: 'score',
  score: 'score',
  reserve: 'reserve',
  permit: 'permit',
  preBind: 'preBind',
  bind: 'bind',
  postBind: 'postBind',
} as const satisfies Record<Point, string>;

export const takesPart = (plugin: SchedulerPlugin, point: Point): boolean =>
  plugin[member[point] as keyof SchedulerPlugin] !== undefined;

/** How pods of one `schedulerName` are scheduled: the plugins at each point, in order. */
export interface Profile {
  readonly name: string;
  readonly at: Readonly<Record<Point, readonly SchedulerPlugin[]>>;
  readonly scores: readonly WeightedScore[];
  /** How many of the nodes must be found to fit before the best of them is taken; undefined or 0: by the cluster's size. */
  readonly percentageOfNodesToScore?: number;
}

/** A profile with all these plugins, each wherever it takes part. */
export function profileOf(
  plugins: readonly SchedulerPlugin[],
  { name = 'default-scheduler', percentageOfNodesToScore }: { name?: string; percentageOfNodesToScore?: number } = {},
): Profile {
  const at = Object.fromEntries(points.map((point) => [point, plugins.filter((p) => takesPart(p, point))]));
  return profileFrom({ name, percentageOfNodesToScore, at: at as Record<Point, SchedulerPlugin[]> });
}

export function profileFrom(parts: Omit<Profile, 'scores'>, weights: ReadonlyMap<string, number> = new Map()): Profile {
  const scores = parts.at.score.flatMap(({ name, score, weight = 1 }) =>
    score ? [{ score, weight: weights.get(name) || weight }] : [],
  );
  return { ...parts, scores };
}

/** Every plugin of the profile once. */
export const pluginsOf = ({ at }: Profile): SchedulerPlugin[] => [...new Set(points.flatMap((point) => at[point]))];
