/**
 * What of ours a machine has: taken before and after a run, the difference is what the run has left behind. Sees
 * processes, mounts, network namespaces, links with addresses and routes, nftables tables in all namespaces, cgroups,
 * sysctls and files. `./knarr test` fails when something stays.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { outputOf, runCommand } from '../src/host/command.ts';
import { commandLine, startTimeOf } from '../src/host/recorded-process.ts';

/** One line for each thing, by kind. */
export type Snapshot = Record<keyof typeof lookers, string[]>;

/** Programs that we start have one of these in their arguments or their cgroup. */
const ourPrograms = /knarr|containerd|catatonit|runc|haproxy|inotifywait/;

/** Folders whose entries count, and how deep to look. */
const folders: [path: string, depth: number][] = [
  ['/var/lib/knarr', 2],
  ['/var/lib/cni', 2],
  ['/var/lib/kubelet', 1],
  ['/run', 1],
  ['/run/knarr', 2],
  ['/run/containerd', 2],
  ['/etc/systemd/system', 1],
  ['/tmp', 1],
  ['/var/tmp', 1],
];
/** Other programs use the folder, too: only entries of these names count there. */
const sharedFolders: Record<string, RegExp> = { '/tmp/': /^\/tmp\/(knarr|kt-)/, '/run/': /^\/run\/(?!user\/|lock\/)/ };

const sysctls = [
  'net/ipv4/ip_forward',
  'net/ipv4/conf/all/forwarding',
  'net/ipv4/conf/all/route_localnet',
  'net/ipv6/conf/all/disable_ipv6',
  'net/bridge/bridge-nf-call-iptables',
  'net/netfilter/nf_conntrack_max',
  'kernel/panic',
  'vm/overcommit_memory',
];

const textOf = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '');
const run = async (program: string, ...args: string[]): Promise<string> => outputOf(runCommand, { program, args });
const json = async <T>(program: string, ...args: string[]): Promise<T[]> =>
  JSON.parse((await run(program, ...args)).trim() || '[]') as T[];

async function processes(): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    pids.map(async (pid) => {
      const args = (await commandLine(Number(pid))).join(' ').slice(0, 300);
      const groups = (await textOf(`/proc/${pid}/cgroup`)).split('\n').map((line) => line.split(':')[2] ?? '');
      const text = `${args} ${[...new Set(groups)].join(' ')}`;
      if (args === '' || !ourPrograms.test(text)) return [];
      return [`${pid} (started at ${startTimeOf(await textOf(`/proc/${pid}/stat`))}): ${text}`];
    }),
  );
  return lines.flat();
}

async function mounts(): Promise<string[]> {
  const lines = (await textOf('/proc/self/mountinfo')).split('\n').filter(Boolean);
  return lines.map((line) => line.split(' ')[4] ?? '');
}

const namespaces = (): Promise<string[]> => readdir('/run/netns').catch(() => []);

interface Address {
  ifname: string;
  addr_info: { local?: string; prefixlen: number }[];
}

async function links(): Promise<string[]> {
  const listed = await json<Address>('ip', '-j', 'address');
  const addresses = listed.flatMap(({ ifname, addr_info }) => [
    `link ${ifname}`,
    ...addr_info.map(({ local, prefixlen }) => `address ${local}/${prefixlen} on ${ifname}`),
  ]);
  const routes = (await run('ip', 'route')).split('\n').filter(Boolean);
  return [...addresses, ...routes.map((route) => `route ${route.trim()}`)];
}

async function tables(): Promise<string[]> {
  const list = async (...where: string[]) =>
    (await run('nsenter', ...where, 'nft', 'list', 'tables').catch(() => '')).split('\n').filter(Boolean);
  const inside = (await namespaces()).map(async (name) =>
    (await list(`--net=/run/netns/${name}`)).map((table) => `${table} in ${name}`),
  );
  return [await list(), ...(await Promise.all(inside))].flat();
}

/** Names of folders below `path`; a folder that cannot be read has none. */
async function below(path: string, depth: number, wanted: 'folders' | 'all'): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  const found = entries.filter((entry) => wanted === 'all' || entry.isDirectory());
  const inner = found.map(async (entry) => {
    const at = join(path, entry.name);
    return entry.isDirectory() && depth > 1 ? [at, ...(await below(at, depth - 1, wanted))] : [at];
  });
  return (await Promise.all(inner)).flat();
}

const cgroups = async (): Promise<string[]> =>
  (await below('/sys/fs/cgroup', 3, 'folders')).filter((path) => /knarr|k8s\.io|kubepods/.test(path));

const kernelSettings = (): Promise<string[]> =>
  Promise.all(sysctls.map(async (name) => `${name} = ${(await textOf(`/proc/sys/${name}`)).trim()}`));

async function files(): Promise<string[]> {
  const listed = await Promise.all(folders.map(([path, depth]) => below(path, depth, 'all')));
  const paths = listed.flat().filter((path) => {
    const shared = Object.entries(sharedFolders).find(([folder]) => path.startsWith(folder));
    return !shared || shared[1].test(path);
  });
  return Promise.all([...new Set(paths)].map(async (path) => `${path}${await ownerOf(path)}`));
}

/** A cached result of a CNI plugin has its owner's folder only in its content. */
async function ownerOf(path: string): Promise<string> {
  if (!path.startsWith('/var/lib/cni/results/')) return '';
  const config = /"config":"([^"]*)"/.exec(await textOf(path))?.[1] ?? '';
  return ` ${/"dataDir":\s*"([^"]*)"/.exec(Buffer.from(config, 'base64').toString())?.[1] ?? ''}`;
}

const lookers = {
  process: processes,
  mount: mounts,
  'network namespace': namespaces,
  network: links,
  nftables: tables,
  cgroup: cgroups,
  sysctl: kernelSettings,
  file: files,
};

export async function takeSnapshot(): Promise<Snapshot> {
  const kinds = Object.entries(lookers) as [keyof Snapshot, () => Promise<string[]>][];
  return Object.fromEntries(await Promise.all(kinds.map(async ([kind, look]) => [kind, await look()]))) as Snapshot;
}

/** What `after` has and `before` had not, as `kind: what`. A mount counts as often as it is mounted. */
export function leftovers(before: Snapshot, after: Snapshot): string[] {
  return (Object.keys(after) as (keyof Snapshot)[]).flatMap((kind) => {
    const known = new Map<string, number>();
    for (const line of before[kind]) known.set(line, (known.get(line) ?? 0) + 1);
    return after[kind].flatMap((line) => {
      const count = known.get(line) ?? 0;
      known.set(line, count - 1);
      return count > 0 ? [] : [`${kind}: ${line}`];
    });
  });
}
