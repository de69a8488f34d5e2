import { readFile, readdir, readlink } from 'node:fs/promises';

const listening = '0A';

/** Inodes of the sockets that listen on a TCP port, from the text of /proc/net/tcp or tcp6 (proc(5)). */
export function listenersOf(table: string, port: number): string[] {
  return table.split('\n').flatMap((line) => {
    const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
    const isOnPort = Number.parseInt(local.split(':')[1] ?? '', 16) === port;
    return isOnPort && state === listening ? [inode] : [];
  });
}

/** Which program listens on the port, in words; undefined when none does. */
export async function portOwner(port: number): Promise<string | undefined> {
  const tables = await Promise.all(
    ['tcp', 'tcp6'].map((name) => readFile(`/proc/net/${name}`, 'utf8').catch(() => '')),
  );
  const inodes = tables.flatMap((table) => listenersOf(table, port));
  if (inodes.length === 0) return undefined;
  const wanted = new Set(inodes.map((inode) => `socket:[${inode}]`));
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const files = await readdir(`/proc/${pid}/fd`).catch(() => []);
    for (const file of files) {
      const target = await readlink(`/proc/${pid}/fd/${file}`).catch(() => '');
      if (!wanted.has(target)) continue;
      const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
      return `${name.trim() || 'a program'} (process ${pid})`;
    }
  }
  return 'another program';
}
