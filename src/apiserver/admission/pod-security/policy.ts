import { minor } from '../../discovery/version.ts';

export const levels = ['privileged', 'baseline', 'restricted'] as const;
export type Level = (typeof levels)[number];

/** A level as it was in a release; `latest` is what it is now. */
export interface LevelVersion {
  level: Level;
  version: string;
}

export const modes = ['enforce', 'audit', 'warn'] as const;
export type Mode = (typeof modes)[number];
export type Policy = Readonly<Record<Mode, LevelVersion>>;

const prefix = 'pod-security.kubernetes.io/';
const latest = 'latest';

export const privileged: LevelVersion = { level: 'privileged', version: latest };
export const everythingPrivileged: Policy = { enforce: privileged, audit: privileged, warn: privileged };

/** What is wrong with a label. */
export interface LabelError {
  label: string;
  value: string;
  message: string;
}

/** The policy that a namespace's labels name, and what of them cannot be read: there the strictest level holds. */
export function policyOf(
  labels: Readonly<Record<string, string>>,
  defaults: Policy,
): { policy: Policy; errors: LabelError[] } {
  const errors: LabelError[] = [];
  const of = (mode: Mode): LevelVersion => {
    const [levelLabel, versionLabel] = [`${prefix}${mode}`, `${prefix}${mode}-version`];
    const [level, version] = [labels[levelLabel], labels[versionLabel]];
    let found = defaults[mode];
    if (level !== undefined) {
      const isLevel = (levels as readonly string[]).includes(level);
      if (!isLevel) errors.push({ label: levelLabel, value: level, message: `must be one of ${levels.join(', ')}` });
      // What is only told of needs no strictness.
      const fallback = mode === 'enforce' ? 'restricted' : 'privileged';
      found = { level: isLevel ? (level as Level) : fallback, version: latest };
    }
    if (version === undefined) return found;
    if (isVersion(version)) return { level: found.level, version };
    errors.push({ label: versionLabel, value: version, message: 'must be "latest" or "v1.x"' });
    return { level: found.level, version: latest };
  };
  return { policy: { enforce: of('enforce'), audit: of('audit'), warn: of('warn') }, errors };
}

const isVersion = (text: string): boolean => text === latest || /^v1\.(?:0|[1-9]\d*)$/.test(text);

export const levelText = ({ level, version }: LevelVersion): string => `${level}:${version}`;

/** The minor release that a policy's version stands for; what is newer than this server is what this server knows. */
export const minorOf = ({ version }: LevelVersion): number =>
  version === latest ? Number(minor) : Math.min(Number(version.slice('v1.'.length)), Number(minor));

/** Whether a level forbids what another allows, or may by being of another release. */
export const isStricter = (now: LevelVersion, before: LevelVersion): boolean =>
  levels.indexOf(now.level) > levels.indexOf(before.level) ||
  (now.level === before.level && now.level !== 'privileged' && minorOf(now) > minorOf(before));
