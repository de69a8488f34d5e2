import { readFile, statfs } from 'node:fs/promises';
import os from 'node:os';

/** What the machine says of itself; measured anew at each call. */
export interface Machine {
  cpus: number;
  memoryBytes: number;
  availableMemoryBytes: number;
  disk: { totalBytes: number; availableBytes: number; inodes: number; freeInodes: number };
  pids: { max: number; used: number };
  machineId: string;
  systemUuid: string;
  bootId: string;
  kernelVersion: string;
  osImage: string;
  architecture: string;
}

const architectures: Record<string, string> = {
  x64: 'amd64',
  arm64: 'arm64',
  arm: 'arm',
  ppc64: 'ppc64le',
  s390x: 's390x',
};

const text = async (path: string): Promise<string> => (await readFile(path, 'utf8').catch(() => '')).trim();

/** Reads /proc, /sys and the file system of `dataDir`. */
export async function readMachine(dataDir: string): Promise<Machine> {
  const [meminfo, machineId, systemUuid, bootId, release, pidMax, loadavg, disk] = await Promise.all([
    text('/proc/meminfo'),
    text('/etc/machine-id'),
    text('/sys/class/dmi/id/product_uuid'),
    text('/proc/sys/kernel/random/boot_id'),
    text('/etc/os-release'),
    text('/proc/sys/kernel/pid_max'),
    text('/proc/loadavg'),
    statfs(dataDir),
  ]);
  const kib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(meminfo)?.[1] ?? 0) * 1024;
  return {
    cpus: os.availableParallelism(),
    memoryBytes: kib('MemTotal'),
    availableMemoryBytes: kib('MemAvailable'),
    disk: {
      totalBytes: disk.blocks * disk.bsize,
      availableBytes: disk.bavail * disk.bsize,
      inodes: disk.files,
      freeInodes: disk.ffree,
    },
    // The fourth field of loadavg: runnable/total threads.
    pids: { max: Number(pidMax) || 32_768, used: Number(loadavg.split(' ')[3]?.split('/')[1] ?? 0) },
    machineId,
    systemUuid: systemUuid || machineId,
    bootId,
    kernelVersion: os.release(),
    osImage: /^PRETTY_NAME="?([^"\n]*)"?/m.exec(release)?.[1] ?? 'Linux',
    architecture: architectures[os.arch()] ?? os.arch(),
  };
}
