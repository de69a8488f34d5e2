import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cpuPeriodUs, type CgroupLimits } from '../config/resources.ts';
import type { Cgroups } from './cgroups.ts';
import { childGroups, groupFile, groupProcesses, removeGroup } from './folder.ts';
import { type CgroupUsage, type UsageFilesV2, usageV2 } from './usage.ts';

/** Without pressure stall information in the kernel, there are no files of that name. */
const usageFiles = {
  cpuStat: 'cpu.stat',
  memoryCurrent: 'memory.current',
  memoryStat: 'memory.stat',
  memorySwap: 'memory.swap.current',
  memoryEvents: 'memory.events',
  pids: 'pids.current',
  cpuPressure: 'cpu.pressure',
  memoryPressure: 'memory.pressure',
  ioPressure: 'io.pressure',
} satisfies Record<keyof UsageFilesV2, string>;

const controllers = ['cpu', 'memory', 'pids', 'cpuset', 'io'];

/** cgroup v2: one hierarchy; a controller works in a group when all its parents hand it down (admin-guide/cgroup-v2). */
export class CgroupsV2 implements Cgroups {
  readonly version = 2;
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  async apply(path: string, limits: CgroupLimits): Promise<void> {
    await this.#makeWithControllers(path);
    const folder = join(this.#root, path);
    const { cpuShares, cpuQuotaUs, memoryBytes, pids } = limits;
    const values: Record<string, string | undefined> = {
      'cpu.weight': cpuShares === undefined ? undefined : String(weightOf(cpuShares)),
      'cpu.max': cpuQuotaUs ? `${cpuQuotaUs} ${cpuPeriodUs}` : undefined,
      'memory.max': memoryBytes === undefined ? undefined : String(memoryBytes),
      'pids.max': pids === undefined ? undefined : String(pids),
    };
    for (const [file, value] of Object.entries(values)) {
      if (value !== undefined) await writeFile(join(folder, file), value);
    }
  }

  remove(path: string): Promise<void> {
    return removeGroup(join(this.#root, path));
  }

  children(path: string): Promise<string[]> {
    return childGroups(join(this.#root, path));
  }

  async usage(path: string): Promise<CgroupUsage | undefined> {
    const folder = join(this.#root, path);
    const files = Object.entries(usageFiles).map(async ([key, file]) => [key, await groupFile(folder, file)] as const);
    const texts = Object.fromEntries(await Promise.all(files)) as Record<keyof typeof usageFiles, string>;
    return texts.cpuStat || texts.memoryCurrent ? usageV2(texts) : undefined;
  }

  processes(path: string): Promise<number[]> {
    return groupProcesses(join(this.#root, path));
  }

  async #makeWithControllers(path: string): Promise<void> {
    let folder = this.#root;
    await handDown(folder);
    for (const name of path.split('/').filter((part) => part !== '')) {
      folder = join(folder, name);
      await mkdir(folder, { recursive: true });
      await handDown(folder);
    }
  }
}

/** Enables for the children what the group itself has. */
async function handDown(folder: string): Promise<void> {
  const read = async (file: string) => (await readFile(join(folder, file), 'utf8').catch(() => '')).trim().split(' ');
  const [has, enabled] = await Promise.all([read('cgroup.controllers'), read('cgroup.subtree_control')]);
  const missing = controllers.filter((name) => has.includes(name) && !enabled.includes(name));
  if (missing.length > 0)
    await writeFile(join(folder, 'cgroup.subtree_control'), missing.map((name) => `+${name}`).join(' '));
}

/** cpu.shares 2..262144 as cpu.weight 1..10000, by the OCI runtimes' formula. */
export const weightOf = (shares: number): number => 1 + Math.floor(((shares - 2) * 9999) / 262_142);
