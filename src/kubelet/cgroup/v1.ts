import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { cpuPeriodUs, type CgroupLimits } from '../config/resources.ts';
import type { Cgroups } from './cgroups.ts';
import { childGroups, groupFile, groupProcesses, removeGroup } from './folder.ts';
import { type CgroupUsage, usageV1 } from './usage.ts';

/** cgroup v1: a hierarchy per controller, the limits in files of their own (kernel: admin-guide/cgroup-v1). */
export class CgroupsV1 implements Cgroups {
  readonly version = 1;
  readonly #hierarchies: readonly string[];

  /** The mount points of all hierarchies, named and unified ones included: the runtime makes groups in each. */
  constructor(hierarchies: readonly string[]) {
    this.#hierarchies = hierarchies;
  }

  async apply(path: string, limits: CgroupLimits): Promise<void> {
    const { cpuShares, cpuQuotaUs, memoryBytes, pids } = limits;
    await this.#set('cpu', path, {
      'cpu.shares': cpuShares,
      ...(cpuQuotaUs ? { 'cpu.cfs_period_us': cpuPeriodUs, 'cpu.cfs_quota_us': cpuQuotaUs } : {}),
    });
    await this.#set('memory', path, { 'memory.limit_in_bytes': memoryBytes });
    await this.#set('pids', path, { 'pids.max': pids });
  }

  async remove(path: string): Promise<void> {
    for (const hierarchy of this.#hierarchies) await removeGroup(join(hierarchy, path));
  }

  async children(path: string): Promise<string[]> {
    const lists = await Promise.all(this.#hierarchies.map((hierarchy) => childGroups(join(hierarchy, path))));
    return [...new Set(lists.flat())];
  }

  async usage(path: string): Promise<CgroupUsage | undefined> {
    const read = (controller: string, file: string) => {
      const folder = this.#folder(controller, path);
      return folder === undefined ? '' : groupFile(folder, file);
    };
    const [cpuacctUsage, cpuacctStat, cpuStat, memoryUsage, memoryStat, memoryFailcnt, pids] = await Promise.all([
      read('cpuacct', 'cpuacct.usage'),
      read('cpuacct', 'cpuacct.stat'),
      read('cpu', 'cpu.stat'),
      read('memory', 'memory.usage_in_bytes'),
      read('memory', 'memory.stat'),
      read('memory', 'memory.failcnt'),
      read('pids', 'pids.current'),
    ]);
    if (cpuacctUsage === '' && memoryUsage === '') return undefined;
    return usageV1({ cpuacctUsage, cpuacctStat, cpuStat, memoryUsage, memoryStat, memoryFailcnt, pids });
  }

  async processes(path: string): Promise<number[]> {
    const folder = this.#folder('memory', path);
    return folder === undefined ? [] : groupProcesses(folder);
  }

  /** A hierarchy may carry several controllers: `cpu,cpuacct`. */
  #folder(controller: string, path: string): string | undefined {
    const hierarchy = this.#hierarchies.find((mount) => basename(mount).split(',').includes(controller));
    return hierarchy && join(hierarchy, path);
  }

  async #set(controller: string, path: string, values: Record<string, number | undefined>): Promise<void> {
    const folder = this.#folder(controller, path);
    if (folder === undefined) return;
    await mkdir(folder, { recursive: true });
    for (const [file, value] of Object.entries(values)) {
      if (value !== undefined) await writeFile(join(folder, file), String(value));
    }
  }
}
