import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readText } from '../pki/files.ts';

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
  cluster: string;
  dir: string;
  file: string;
  tokenFile: string;
  runDir: string;
  logDir: string;
  nodeDir: string;
}

export function memberLayout(home: string, cluster: string): MemberLayout {
  const dir = join(home, cluster);
  return {
    cluster,
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
