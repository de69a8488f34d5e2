import { access, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type CommandResult, runCommand } from '../../host/command.ts';
import type { Cgroups } from './cgroups.ts';

/** A real hierarchy, and how to look at it without the code under test. */
export interface CgroupsUnderTest {
  cgroups: Cgroups;
  /** A group that nobody has; it and all below it is this suite's. */
  root: string;
  /** The folders that make one group: one in version 2, one for each hierarchy in version 1. */
  foldersOf(path: string): string[];
  /** The kernel's files for the same four limits, by name. */
  files: { cpuWeight: string; cpuQuota: string; memory: string; pids: string };
}

const mebibyte = 1024 * 1024;

/** What every `Cgroups` promises: what is written down, and that the kernel holds a process to it. */
export function cgroupsContract(name: string, open: () => Promise<CgroupsUnderTest>): void {
  describe(`cgroups contract: ${name}`, () => {
    let at: CgroupsUnderTest;
    beforeAll(async () => {
      at = await open();
    });
    afterAll(() => at.cgroups.remove(at.root));

    const read = async (path: string, file: keyof CgroupsUnderTest['files']): Promise<string> => {
      const found = await firstWith(at.foldersOf(path), at.files[file]);
      return (await readFile(found, 'utf8')).trim();
    };

    it('writes every limit into the group, and its parents hand the controllers down', async () => {
      const path = `${at.root}/limits/pod`;
      await at.cgroups.apply(path, { cpuShares: 512, cpuQuotaUs: 20_000, memoryBytes: 64 * mebibyte, pids: 50 });
      expect(await read(path, 'cpuQuota')).toMatch(/^20000( 100000)?$/);
      expect(await read(path, 'memory')).toBe(String(64 * mebibyte));
      expect(await read(path, 'pids')).toBe('50');
    });

    it('leaves a limit alone that is absent, and changes one that is not', async () => {
      const path = `${at.root}/again/pod`;
      await at.cgroups.apply(path, { memoryBytes: 64 * mebibyte, pids: 50 });
      await at.cgroups.apply(path, { pids: 60 });
      expect(await read(path, 'memory')).toBe(String(64 * mebibyte));
      expect(await read(path, 'pids')).toBe('60');
    });

    it('gives more weight to more shares', async () => {
      const weights: number[] = [];
      for (const cpuShares of [2, 102, 1024, 262_144]) {
        const path = `${at.root}/shares/pod${cpuShares}`;
        await at.cgroups.apply(path, { cpuShares });
        weights.push(Number(await read(path, 'cpuWeight')));
      }
      expect(weights).toEqual([...new Set(weights)].sort((a, b) => a - b));
    });

    it('ends a process that takes more memory than the group may have', async () => {
      const path = `${at.root}/memory/pod`;
      await at.cgroups.apply(path, { memoryBytes: 32 * mebibyte });
      const { exitCode } = await runIn(at, path, 'exec tail /dev/zero');
      // By a signal, not by its own decision.
      expect(exitCode).toBe(-1);
      expect((await runIn(at, path, 'exec true')).exitCode).toBe(0);
    });

    it('refuses one more process than the group may have', async () => {
      const path = `${at.root}/pids/pod`;
      await at.cgroups.apply(path, { pids: 4 });
      const { exitCode, stderr } = await runIn(at, path, 'for i in 1 2 3 4 5 6; do sleep 1 & done; wait');
      expect(exitCode).not.toBe(0);
      expect(stderr).toMatch(/fork/i);
    });

    it('holds a busy process to its quota', async () => {
      const path = `${at.root}/quota/pod`;
      await at.cgroups.apply(path, { cpuQuotaUs: 20_000 });
      const file = await firstWith(at.foldersOf(path), 'cpu.stat');
      // It is busy until the kernel has stopped it some times: how soon depends on what else the machine does.
      const throttled = `$(sed -n 's/^nr_throttled //p' ${file})`;
      const isLate = '[ $(date +%s) -gt $end ]';
      const script = `end=$(($(date +%s) + 300)); until [ "${throttled}" -gt 5 ]; do ${isLate} && exit 1; done; exit 0`;
      expect((await runIn(at, path, script)).exitCode).toBe(0);
    });

    it('says what a group uses, of those below it too, and of none that is not there', async () => {
      const path = `${at.root}/usage/pod`;
      await at.cgroups.apply(path, { memoryBytes: 64 * mebibyte, pids: 50 });
      const before = await at.cgroups.usage(path);
      const script = 'i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; exec sleep 1000';
      const sleeper = runIn(at, path, script);
      const pid = await memberOf((at.foldersOf(path) as [string])[0]);
      expect(await at.cgroups.processes(`${path}/container`)).toEqual([pid]);
      expect(await at.cgroups.processes(path)).toEqual([]);
      const usage = await vi.waitFor(async () => {
        const now = await at.cgroups.usage(path);
        expect((now?.cpuNs ?? 0) - (before?.cpuNs ?? 0)).toBeGreaterThan(1_000_000);
        return now;
      }, 10_000);
      process.kill(pid, 'SIGKILL');
      await sleeper;
      expect(usage).toMatchObject({ pids: 1 });
      expect(usage?.memoryBytes).toBeGreaterThan(0);
      expect(usage?.workingSetBytes).toBeLessThanOrEqual(usage?.memoryBytes ?? 0);
      expect(await at.cgroups.usage(`${at.root}/nowhere`)).toBeUndefined();
      expect(await at.cgroups.processes(`${at.root}/nowhere`)).toEqual([]);
    });

    it('names the groups below, none for a group that is not there', async () => {
      await at.cgroups.apply(`${at.root}/family/a`, {});
      await at.cgroups.apply(`${at.root}/family/b`, { pids: 5 });
      await at.cgroups.apply(`${at.root}/family/a`, { pids: 5 });
      expect((await at.cgroups.children(`${at.root}/family`)).sort()).toEqual(['a', 'b']);
      expect(await at.cgroups.children(`${at.root}/nowhere`)).toEqual([]);
    });

    it('removes a group with all below it, but not while a process is in it', async () => {
      const path = `${at.root}/busy/pod`;
      await at.cgroups.apply(path, { pids: 50 });
      const [folder] = at.foldersOf(path) as [string];
      const sleeper = runIn(at, path, 'exec sleep 1000');
      const pid = await memberOf(folder);
      await expect(at.cgroups.remove(`${at.root}/busy`)).rejects.toMatchObject({ code: 'EBUSY' });
      process.kill(pid, 'SIGKILL');
      await sleeper;
      await at.cgroups.remove(`${at.root}/busy`);
      for (const gone of at.foldersOf(`${at.root}/busy`)) {
        await expect(access(gone)).rejects.toMatchObject({ code: 'ENOENT' });
      }
      await at.cgroups.remove(`${at.root}/busy`);
    });
  });
}

/** Runs a shell script in a group below `path`, where a runtime would put a container. */
async function runIn(at: CgroupsUnderTest, path: string, script: string): Promise<CommandResult> {
  const folders = at.foldersOf(`${path}/container`);
  for (const folder of folders) await mkdir(folder, { recursive: true });
  const enter = folders.map((folder) => `echo $$ >${folder}/cgroup.procs`).join(' && ');
  return await runCommand({ program: 'sh', args: ['-c', `${enter} && ${script}`] });
}

async function firstWith(folders: string[], file: string): Promise<string> {
  for (const folder of folders) {
    const path = join(folder, file);
    const isThere = await access(path).then(
      () => true,
      () => false,
    );
    if (isThere) return path;
  }
  throw new Error(`no group has ${file}: ${folders.join(' ')}`);
}

/** The process in the container's group, as soon as there is one. */
const memberOf = (folder: string): Promise<number> =>
  vi.waitFor(async () => {
    const pid = Number(await readFile(join(folder, 'container/cgroup.procs'), 'utf8'));
    expect(pid).toBeGreaterThan(0);
    return pid;
  }, 10_000);
