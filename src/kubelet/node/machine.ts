import { readFile, statfs } from 'node:fs/promises';
import os from 'node:os';

/** What the machine says of itself; measured anew at each call. */
export interface Machine {
  cpus: number;
  memoryBytes: number;
  disk: { totalBytes: number };
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
  const [meminfo, machineId, systemUuid, bootId, release, disk] = await Promise.all([
    text('/proc/meminfo'),
    text('/etc/machine-id'),
    text('/sys/class/dmi/id/product_uuid'),
    text('/proc/sys/kernel/random/boot_id'),
    text('/etc/os-release'),
    statfs(dataDir),
  ]);
  const kib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(meminfo)?.[1] ?? 0) * 1024;
  return {
    cpus: os.availableParallelism(),
    memoryBytes: kib('MemTotal'),
    disk: { totalBytes: disk.blocks * disk.bsize },
    machineId,
    systemUuid: systemUuid || machineId,
    bootId,
    kernelVersion: os.release(),
    osImage: /^PRETTY_NAME="?([^"\n]*)"?/m.exec(release)?.[1] ?? 'Linux',
    architecture: architectures[os.arch()] ?? os.arch(),
  };
}
