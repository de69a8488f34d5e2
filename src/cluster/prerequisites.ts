import { access } from 'node:fs/promises';
import type { RunCommand } from '../host/command.ts';
import { proxyPrograms } from './images/proxy-image.ts';
import { StepFailure } from './step-failure.ts';
import type { Steps } from './steps.ts';

/** A program or file that a cluster needs, and the Debian package that brings it. */
export interface Prerequisite {
  anyOf: string[];
  debianPackage: string;
  why: string;
  /** A cluster comes up without it, and says what it cannot do. */
  isOptional?: boolean;
}

const inPath = (program: string): string[] =>
  ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'].map((dir) => `${dir}/${program}`);

/** Everything outside of this package that `up` uses. */
export const prerequisites: Prerequisite[] = [
  { anyOf: inPath('containerd'), debianPackage: 'containerd', why: 'runs the containers' },
  { anyOf: inPath('runc'), debianPackage: 'runc', why: 'starts a container' },
  { anyOf: inPath('nft'), debianPackage: 'nftables', why: 'carries services' },
  { anyOf: inPath('ip'), debianPackage: 'iproute2', why: 'makes networks' },
  { anyOf: inPath('conntrack'), debianPackage: 'conntrack', why: 'forgets stale UDP flows' },
  // The portmap plugin of hostPorts writes its rules with it.
  { anyOf: inPath('iptables'), debianPackage: 'iptables', why: 'carries host ports' },
  { anyOf: inPath('nsenter'), debianPackage: 'util-linux', why: 'enters network namespaces' },
  { anyOf: inPath('flock'), debianPackage: 'util-linux', why: 'lets one command at a time at a cluster' },
  { anyOf: inPath('unzip'), debianPackage: 'unzip', why: 'unpacks kubectl' },
  { anyOf: ['/usr/lib/cni/ptp'], debianPackage: 'containernetworking-plugins', why: 'connects pods' },
  { anyOf: ['/usr/bin/catatonit'], debianPackage: 'catatonit', why: 'is the pause container' },
  { anyOf: ['/bin/busybox'], debianPackage: 'busybox-static', why: 'is the demo image' },
  { anyOf: [proxyPrograms.haproxy], debianPackage: 'haproxy', why: 'serves Ingress and Gateway', isOptional: true },
  {
    anyOf: [proxyPrograms.inotifywait],
    debianPackage: 'inotify-tools',
    why: 'tells haproxy of new routes',
    isOptional: true,
  },
];

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** What is not there yet. */
export async function missingPrerequisites(list: Prerequisite[] = prerequisites): Promise<Prerequisite[]> {
  const present = await Promise.all(
    list.map(async ({ anyOf }) => (await Promise.all(anyOf.map(exists))).some((found) => found)),
  );
  return list.filter((_, i) => !present[i]);
}

/** Installs what is not there, and tells of it. */
export async function ensurePrerequisites(
  { run, steps }: { run: RunCommand; steps: Steps },
  list: Prerequisite[] = prerequisites,
): Promise<void> {
  const missing = await missingPrerequisites(list);
  const namesOf = (some: Prerequisite[]) => some.map((p) => p.debianPackage).join(' ');
  const needed = missing.filter(({ isOptional }) => !isOptional);
  const title = needed.length > 0 ? `prerequisites: installing ${namesOf(needed)}` : 'prerequisites: all there';
  await steps.run(title, () => installPrerequisites(needed, { run }));
  const optional = missing.filter(({ isOptional }) => isOptional);
  if (optional.length === 0) return;
  const result = await run({ program: 'env', args: [...optionalInstall, ...optional.map((p) => p.debianPackage)] });
  if (result.exitCode === 0) return steps.note(`installed ${namesOf(optional)}`);
  const without = optional.map((p) => `${p.debianPackage} (${p.why})`).join(', ');
  steps.note(`goes on without ${without}: apt-get install ${namesOf(optional)} could not be done`);
}

/** Once, and not for long: a machine without a network comes up, too. */
const optionalInstall = [
  ...['DEBIAN_FRONTEND=noninteractive', 'apt-get', '-q', '-y'],
  ...['-o', 'Acquire::Retries=0', '-o', 'Acquire::http::Timeout=10', 'install', '--no-install-recommends'],
];

/** Installs missing packages with apt-get. Throws `StepFailure` with the command to run by hand where that does not work. */
export async function installPrerequisites(
  missing: Prerequisite[],
  { run, aptGet = '/usr/bin/apt-get' }: { run: RunCommand; aptGet?: string },
): Promise<void> {
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((p) => p.debianPackage))];
  const needs = `missing: ${missing.map((p) => `${p.debianPackage} (${p.why})`).join(', ')}`;
  const byHand = `apt-get update && apt-get install --no-install-recommends ${packages.join(' ')}`;
  if (!(await exists(aptGet))) {
    const next = `install them with your package manager (on Debian: ${byHand}), then run ./knarr up again`;
    throw new StepFailure(needs, { next });
  }
  const env = ['DEBIAN_FRONTEND=noninteractive'];
  const apt = (...args: string[]) => run({ program: 'env', args: [...env, 'apt-get', '-q', '-y', ...args] });
  const install = () => apt('install', '--no-install-recommends', ...packages);
  // Debian's containerd package starts a service of its own; without systemd nothing starts, with it we leave it alone.
  let result = await install();
  if (result.exitCode !== 0) {
    await apt('update');
    result = await install();
  }
  if (result.exitCode === 0) return;
  const why = result.stderr.trim().split('\n').slice(-3).join(' ');
  const next = `try ${byHand}, then run ./knarr up again`;
  throw new StepFailure(`${needs}; apt-get could not install it: ${why}`, { next });
}
