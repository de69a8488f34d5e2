import { ConfigurationError, invalid, rejectUnknown, required } from './configuration-error.ts';
import { type ExtenderConfig, readExtenders } from './extenders/extender-config.ts';
import type { SchedulerPlugin } from './plugin.ts';
import { defaultPlugins } from './plugins.ts';
import { type Point, points, type Profile, profileFrom, takesPart } from './profile.ts';

/** What a KubeSchedulerConfiguration says (kubescheduler.config.k8s.io/v1), as far as it concerns scheduling. */
export interface SchedulerConfiguration {
  readonly profiles: readonly Profile[];
  /** How long a pod that could not be scheduled waits, in milliseconds: the first time, and at most. */
  readonly backoff: { readonly baseMs: number; readonly maxMs: number };
  readonly extenders: readonly ExtenderConfig[];
}

interface PluginSet {
  enabled?: readonly { name: string; weight?: number }[];
  disabled?: readonly { name: string }[];
}

interface PluginConfig {
  name: string;
  args?: Readonly<Record<string, unknown>>;
}

interface ProfileText {
  schedulerName?: string;
  percentageOfNodesToScore?: number;
  plugins?: Partial<Record<Point | 'multiPoint', PluginSet>>;
  pluginConfig?: readonly PluginConfig[];
}

interface ConfigurationText {
  apiVersion?: string;
  kind?: string;
  percentageOfNodesToScore?: number;
  podInitialBackoffSeconds?: number;
  podMaxBackoffSeconds?: number;
  profiles?: readonly ProfileText[];
  extenders?: readonly object[];
}

const apiVersion = 'kubescheduler.config.k8s.io/v1';
const ofFile = [
  'apiVersion',
  'kind',
  'percentageOfNodesToScore',
  'podInitialBackoffSeconds',
  'podMaxBackoffSeconds',
  'profiles',
  'extenders',
];
/** Of a program of its own, which this one is not: taken and not used. */
const ofProgram = [
  'parallelism',
  'leaderElection',
  'clientConnection',
  'enableProfiling',
  'enableContentionProfiling',
  'delayCacheUntilActive',
];
const ofProfile = ['schedulerName', 'percentageOfNodesToScore', 'plugins', 'pluginConfig'];

/** Reads a parsed configuration file. Throws `ConfigurationError`. */
export function schedulerConfiguration(
  file: unknown,
  known: readonly SchedulerPlugin[] = defaultPlugins,
): SchedulerConfiguration {
  const text = (file ?? {}) as ConfigurationText;
  if (text.apiVersion !== apiVersion || text.kind !== 'KubeSchedulerConfiguration') {
    throw new ConfigurationError(`no kind "${text.kind ?? ''}" is registered for version "${text.apiVersion ?? ''}"`);
  }
  rejectUnknown('', text, [...ofFile, ...ofProgram]);
  const { podInitialBackoffSeconds: base = 1, podMaxBackoffSeconds: max = 10 } = text;
  if (!(base > 0)) throw invalid('podInitialBackoffSeconds', base, 'must be greater than 0');
  if (!(max >= base))
    throw invalid('podMaxBackoffSeconds', max, 'must be greater than or equal to PodInitialBackoffSeconds');
  const { extenders, ignored } = readExtenders(text.extenders);
  const { percentageOfNodesToScore } = text;
  const profiles = (text.profiles ?? [{}]).map((profile, i) => {
    const pluginConfig = ignoring(ignored, profile.pluginConfig ?? []);
    return readProfile(`profiles[${i}]`, { percentageOfNodesToScore, ...profile, pluginConfig }, known);
  });
  checkTogether(profiles);
  return { profiles, backoff: { baseMs: base * 1000, maxMs: max * 1000 }, extenders };
}

/** Resources that extenders count are none of NodeResourcesFit's. */
function ignoring(resources: readonly string[], configs: readonly PluginConfig[]): readonly PluginConfig[] {
  if (resources.length === 0) return configs;
  const name = 'NodeResourcesFit';
  const args = configs.find((config) => config.name === name)?.args;
  const ignoredResources = [...((args?.ignoredResources as string[] | undefined) ?? []), ...resources];
  return [...configs.filter((config) => config.name !== name), { name, args: { ...args, ignoredResources } }];
}

/** All pods wait in one queue, so all profiles sort it alike; and a pod must know whose it is. */
function checkTogether(profiles: readonly Profile[]): void {
  const names = new Set<string>();
  profiles.forEach(({ name, at }, i) => {
    const field = `profiles[${i}]`;
    if (names.has(name)) throw new ConfigurationError(`${field}.schedulerName: Duplicate value: "${name}"`);
    names.add(name);
    if (at.queueSort.length !== 1)
      throw invalid(`${field}.plugins.queueSort`, at.queueSort.length, 'one queue sort plugin required');
    if (at.queueSort[0]?.name !== profiles[0]?.at.queueSort[0]?.name)
      throw invalid(`${field}.plugins.queueSort`, at.queueSort[0]?.name, 'queueSort must be the same for all profiles');
    if (at.bind.length === 0) throw required(`${field}.plugins.bind`, 'at least one bind plugin is needed');
  });
}

function readProfile(field: string, text: ProfileText, known: readonly SchedulerPlugin[]): Profile {
  rejectUnknown(`${field}.`, text, ofProfile);
  const { schedulerName: name = 'default-scheduler', percentageOfNodesToScore, plugins: sets = {} } = text;
  if (name === '') throw required(`${field}.schedulerName`);
  if (!((percentageOfNodesToScore ?? 0) >= 0 && (percentageOfNodesToScore ?? 0) <= 100))
    throw invalid(`${field}.percentageOfNodesToScore`, percentageOfNodesToScore, 'not in valid range [0-100]');
  rejectUnknown(`${field}.plugins.`, sets, [...points, 'multiPoint']);
  const all = new Map(configured(field, known, text.pluginConfig ?? []).map((plugin) => [plugin.name, plugin]));
  const find = (wanted: string, point: string): SchedulerPlugin => {
    const plugin = all.get(wanted);
    if (!plugin) throw invalid(`${field}.plugins.${point}`, wanted, `plugin "${wanted}" does not exist`);
    return plugin;
  };
  const everywhere = multiPoint([...all.keys()], sets.multiPoint ?? {}).map((one) => find(one, 'multiPoint'));
  const weights = new Map<string, number>();
  for (const { name: one, weight } of [...(sets.multiPoint?.enabled ?? []), ...(sets.score?.enabled ?? [])])
    if (weight) weights.set(one, weight);
  const at = Object.fromEntries(
    points.map((point) => [point, pluginsAt(point, everywhere, { set: sets[point] ?? {}, find, field })]),
  ) as Record<Point, SchedulerPlugin[]>;
  return profileFrom({ name, percentageOfNodesToScore, at }, weights);
}

function configured(
  field: string,
  known: readonly SchedulerPlugin[],
  configs: readonly PluginConfig[],
): SchedulerPlugin[] {
  configs.forEach(({ name }, i) => {
    if (!known.some((plugin) => plugin.name === name && plugin.configure))
      throw invalid(`${field}.pluginConfig[${i}]`, name, 'there is no such plugin, or it takes no arguments');
  });
  return known.map((plugin) => {
    const args = configs.find(({ name }) => name === plugin.name)?.args;
    return args && plugin.configure ? plugin.configure(args) : plugin;
  });
}

/** The defaults without those disabled; those enabled anew keep their place, others come last. */
function multiPoint(defaults: readonly string[], { enabled = [], disabled = [] }: PluginSet): string[] {
  const off = new Set(disabled.map(({ name }) => name));
  const on = enabled.map(({ name }) => name);
  const kept = defaults.filter((name) => !off.has('*') && !off.has(name));
  return [...kept, ...on.filter((name) => !kept.includes(name))];
}

/** At one point: what is enabled there by name goes first where it stands for a default, and last where it does not. */
function pluginsAt(
  point: Point,
  everywhere: readonly SchedulerPlugin[],
  { set, find, field }: { set: PluginSet; find: (name: string, point: string) => SchedulerPlugin; field: string },
): SchedulerPlugin[] {
  const off = new Set((set.disabled ?? []).map(({ name }) => name));
  const named = (set.enabled ?? []).map(({ name }) => find(name, point));
  for (const plugin of named)
    if (!takesPart(plugin, point))
      throw invalid(`${field}.plugins.${point}`, plugin.name, `it does not extend ${point}`);
  const others = everywhere.filter(
    (plugin) => takesPart(plugin, point) && !off.has('*') && !off.has(plugin.name) && !named.includes(plugin),
  );
  const isDefault = (plugin: SchedulerPlugin) => everywhere.includes(plugin);
  return [...named.filter(isDefault), ...others, ...named.filter((plugin) => !isDefault(plugin))];
}
