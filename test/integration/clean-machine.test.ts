import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { leftovers, type Snapshot, takeSnapshot } from '../../scripts/clean-machine.ts';
import { outputOf, runCommand } from '../../src/host/command.ts';

const run = (program: string, ...args: string[]) => outputOf(runCommand, { program, args });
const mark = 'kt-planted';
const setting = '/proc/sys/kernel/panic';
const panicBefore = readFileSync(setting, 'utf8');

/** Each thing that must not be left behind: how it gets there, and how it goes. */
const planted: Record<keyof Snapshot, { plant(): unknown; pull(): unknown }> = {
  process: {
    // By its own name: a shell would be replaced by what it runs, and its arguments with it.
    plant: () => spawn('/bin/sleep', ['1000'], { argv0: `knarr-${mark}`, stdio: 'ignore', detached: true }),
    pull: () => {},
  },
  mount: {
    plant: () => {
      mkdirSync(`/tmp/${mark}-mount`);
      return run('mount', '-t', 'tmpfs', 'none', `/tmp/${mark}-mount`);
    },
    pull: async () => {
      await run('umount', `/tmp/${mark}-mount`);
      rmdirSync(`/tmp/${mark}-mount`);
    },
  },
  'network namespace': {
    plant: () => run('ip', 'netns', 'add', mark),
    pull: () => run('ip', 'netns', 'delete', mark),
  },
  network: {
    plant: () => run('ip', 'link', 'add', mark, 'type', 'veth', 'peer', 'name', `${mark}2`),
    pull: () => run('ip', 'link', 'delete', mark),
  },
  nftables: {
    plant: () => run('nft', 'add', 'table', 'inet', mark),
    pull: () => run('nft', 'delete', 'table', 'inet', mark),
  },
  cgroup: {
    plant: () =>
      run(
        'sh',
        '-c',
        `for d in /sys/fs/cgroup/pids /sys/fs/cgroup; do [ -w $d ] && mkdir $d/knarr-${mark} && break; done`,
      ),
    pull: () => run('sh', '-c', `rmdir $(find /sys/fs/cgroup -maxdepth 2 -name knarr-${mark})`),
  },
  sysctl: {
    plant: () => writeFileSync(setting, '17'),
    pull: () => writeFileSync(setting, panicBefore),
  },
  file: {
    plant: () => writeFileSync(`/tmp/${mark}`, ''),
    pull: () => rmSync(`/tmp/${mark}`),
  },
};

describe('the check that a machine is clean', () => {
  it.each(Object.entries(planted))('sees a %s that is left', async (kind, { plant, pull }) => {
    const before = await takeSnapshot();
    const child = (await plant()) as ChildProcess | undefined;
    const found = leftovers(before, await takeSnapshot()).filter((line) => line.startsWith(`${kind}: `));
    if (child?.pid) {
      process.kill(-child.pid, 'SIGKILL');
      await once(child, 'exit');
    }
    await pull();
    expect(found.join('\n')).toContain(kind === 'sysctl' ? 'kernel/panic = 17' : mark);
    const after = leftovers(before, await takeSnapshot());
    expect(after.filter((line) => line.includes(mark) || line.includes('panic'))).toEqual([]);
  });
});
