import { readFile } from 'node:fs/promises';
import { stallResources, type StallsOf, stallsOf } from '../cgroup/stalls.ts';
import { figuresOf } from '../cgroup/usage.ts';
import { type InterfaceUsage, interfacesOf } from './network-usage.ts';

/** What the whole machine uses. */
export interface MachineUsage {
  bootedAtMs: number;
  /** Processor time since it started, nanoseconds. */
  cpuNs: number;
  memoryCapacityBytes: number;
  /** The kernel's own estimate of what it could give to a new program without swapping. */
  memoryAvailableBytes: number;
  memoryBytes: number;
  rssBytes: number;
  swapBytes: number;
  swapCapacityBytes: number;
  pageFaults: number;
  majorPageFaults: number;
  pids: { max: number; used: number };
  interfaces: InterfaceUsage[];
  stalls: StallsOf;
}

/** The kernel shows processor time in hundredths of a second. */
const tickNs = 10_000_000;

/** Reads /proc. */
export async function readMachineUsage(): Promise<MachineUsage> {
  const text = (path: string) => readFile(path, 'utf8').catch(() => '');
  const pressures = Promise.all(stallResources.map((name) => text(`/proc/pressure/${name}`)));
  const [stat, meminfo, vmstat, pidMax, loadavg, devices] = await Promise.all([
    text('/proc/stat'),
    text('/proc/meminfo'),
    text('/proc/vmstat'),
    text('/proc/sys/kernel/pid_max'),
    text('/proc/loadavg'),
    // Of the namespace that the agent works in: the node's.
    text('/proc/self/net/dev'),
  ]);
  return machineUsageOf({ stat, meminfo, vmstat, pidMax, loadavg, devices, pressures: await pressures });
}

/** From the texts of the kernel's files (filesystems/proc). */
export function machineUsageOf(
  files: Record<'stat' | 'meminfo' | 'vmstat' | 'pidMax' | 'loadavg' | 'devices', string> & { pressures: string[] },
): MachineUsage {
  // user nice system idle iowait irq softirq steal; guests are within user.
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = (/^cpu +(.*)$/m.exec(files.stat)?.[1] ?? '')
    .split(' ')
    .map(Number);
  const kib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(files.meminfo)?.[1] ?? 0) * 1024;
  const vmstat = figuresOf(files.vmstat);
  return {
    bootedAtMs: Number(/^btime (\d+)$/m.exec(files.stat)?.[1] ?? 0) * 1000,
    cpuNs: (user + nice + system + irq + softirq) * tickNs,
    memoryCapacityBytes: kib('MemTotal'),
    memoryAvailableBytes: kib('MemAvailable'),
    memoryBytes: kib('MemTotal') - kib('MemFree'),
    rssBytes: kib('AnonPages'),
    swapBytes: kib('SwapTotal') - kib('SwapFree'),
    swapCapacityBytes: kib('SwapTotal'),
    pageFaults: vmstat.get('pgfault') ?? 0,
    majorPageFaults: vmstat.get('pgmajfault') ?? 0,
    // The fourth field of loadavg: runnable/total threads.
    pids: { max: Number(files.pidMax) || 32_768, used: Number(files.loadavg.split(' ')[3]?.split('/')[1] ?? 0) },
    interfaces: interfacesOf(files.devices),
    stalls: stallsOf(files.pressures),
  };
}

/** What a program could not have: the same equation as for `memory.available`. */
export const workingSetOf = (machine: MachineUsage): number =>
  machine.memoryCapacityBytes - machine.memoryAvailableBytes;
