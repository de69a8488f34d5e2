import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readText } from '../pki/files.ts';
import { nodeCgroup } from './layout.ts';

/** What a machine remembers of the cluster that it has joined. */
export interface Membership {
  format: 1;
  /** `https://host:port` of the API server. */
  server: string;
  caHash: string;
  node: string;
  address: string;
}

/** Of a machine that is a node: below the folder of all clusters, by the name that the cluster has here. */
export interface MemberLayout {
  name: string;
  home: string;
  dir: string;
  file: string;
  tokenFile: string;
  runDir: string;
  logDir: string;
  nodeDir: string;
}

/** Where the containers of the node are, and their cgroup. */
export const memberRuntime = (
  { name, nodeDir }: MemberLayout,
  { node }: Membership,
): { dir: string; cgroup: string } => ({
  dir: join(nodeDir, 'containerd'),
  cgroup: nodeCgroup(name, node),
});

export function memberLayout(home: string, name: string): MemberLayout {
  const dir = join(home, name);
  return {
    name,
    home,
    dir,
    file: join(dir, 'member.json'),
    tokenFile: join(dir, 'join-token'),
    runDir: join(dir, 'run'),
    logDir: join(dir, 'log'),
    nodeDir: join(dir, 'node'),
  };
}

export async function readMembership(layout: MemberLayout): Promise<Membership | undefined> {
  const text = await readText(layout.file);
  return text === undefined ? undefined : (JSON.parse(text) as Membership);
}

/** The clusters, by the names that they have here, of which this machine is a node. */
export async function memberships(home: string): Promise<string[]> {
  const names = await readdir(home).catch(() => []);
  const found = await Promise.all(names.map((name) => readMembership(memberLayout(home, name))));
  return names.filter((_, i) => found[i]);
}
