import { release } from '../../api/generated/kinds.ts';

/** What is known of the build; clients print it and compare major and minor. */
export interface BuildInfo {
  gitCommit?: string;
  /** RFC 3339. */
  buildDate?: string;
  /** The runtime, e.g. `node v20.19.0`. */
  runtime?: string;
  /** `linux/amd64`. */
  platform?: string;
}

export const [, major = '', minor = ''] = /^v(\d+)\.(\d+)/.exec(release) ?? [];

/** The version this server speaks, marked as ours: build metadata after `+` takes no part in comparisons (semver 2). */
export const gitVersion = `${release}+knarr`;

/** `/version`. */
export const versionInfo = ({
  gitCommit = '',
  buildDate = '',
  runtime = '',
  platform = 'linux/amd64',
}: BuildInfo): object => ({
  major,
  minor,
  emulationMajor: major,
  emulationMinor: minor,
  minCompatibilityMajor: major,
  minCompatibilityMinor: String(Number(minor) - 1),
  gitVersion,
  gitCommit,
  gitTreeState: gitCommit ? 'clean' : '',
  buildDate,
  goVersion: runtime,
  compiler: 'tsc',
  platform,
});
