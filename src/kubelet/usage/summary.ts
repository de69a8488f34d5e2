import type { Reading, Window } from '../../base/sample-window.ts';
import type { Stalls, StallsOf } from '../cgroup/stalls.ts';
import type { CgroupUsage } from '../cgroup/usage.ts';
import { timeText } from '../status/time-text.ts';
import type { DiskUsage, FileSystemSize } from './disk-usage.ts';
import { type MachineUsage, workingSetOf } from './machine-usage.ts';
import { type InterfaceUsage, mainInterface } from './network-usage.ts';
import type { PodStorage } from './storage-reader.ts';
import type { ContainerUsage, NodeUsage, PodUsage } from './usage-reader.ts';

export interface SummaryFacts {
  nodeName: string;
  /** Absent: only processor and memory are asked for. */
  disks?: {
    node: FileSystemSize;
    images: FileSystemSize & DiskUsage;
    /** By pod uid. */
    pods: ReadonlyMap<string, PodStorage>;
  };
}

/** `/stats/summary` (kubelet/pkg/apis/stats/v1alpha1). Rates are those of the window. */
export function summary({ older, newer }: Window<NodeUsage>, facts: SummaryFacts): object {
  const seconds = (newer.atMs - older.atMs) / 1000;
  const at = { time: timeText(newer.atMs), seconds };
  const before = new Map(older.value.pods.map((pod) => [pod.pod.metadata.uid, pod]));
  return {
    node: nodeStats(newer, older, { ...facts, ...at }),
    pods: newer.value.pods.map((pod) =>
      podStats(pod, before.get(pod.pod.metadata.uid), {
        ...at,
        ...(facts.disks
          ? { storage: facts.disks.pods.get(pod.pod.metadata.uid ?? ''), node: facts.disks.node, disks: facts.disks }
          : {}),
      }),
    ),
  };
}

interface At {
  time: string;
  seconds: number;
}

function nodeStats(newer: Reading<NodeUsage>, older: Reading<NodeUsage>, facts: SummaryFacts & At): object {
  const { machine, allPods } = newer.value;
  const { time, nodeName, disks } = facts;
  const startTime = timeText(machine.bootedAtMs);
  return {
    nodeName,
    systemContainers: allPods
      ? [{ name: 'pods', startTime, cpu: cpu(allPods, older.value.allPods, facts), memory: memory(allPods, time) }]
      : [],
    startTime,
    cpu: cpu(machine, older.value.machine, facts),
    memory: machineMemory(machine, time),
    ...io(machine.stalls, time),
    ...networkOf(machine.interfaces, time),
    ...(disks ? { fs: fileSystem(disks.node, time), runtime: { imageFs: images(disks.images, time) } } : {}),
    rlimit: { time, maxpid: machine.pids.max, curproc: machine.pids.used },
    swap: {
      time,
      swapAvailableBytes: machine.swapCapacityBytes - machine.swapBytes,
      swapUsageBytes: machine.swapBytes,
    },
  };
}

type PodAt = At & { storage?: PodStorage; disks?: SummaryFacts['disks'] };

function podStats(pod: PodUsage, before: PodUsage | undefined, at: PodAt): object {
  const { name, namespace, uid } = pod.pod.metadata;
  const { time, storage, disks } = at;
  return {
    podRef: { name, namespace, uid },
    startTime: timeText(pod.startedAtMs),
    containers: pod.containers.map((one) => {
      const same = before?.containers.find(({ id }) => id === one.id);
      return containerStats(one, same, at);
    }),
    cpu: cpu(pod.usage, before?.usage, at),
    memory: memory(pod.usage, time),
    ...io(pod.usage.stalls, time),
    ...networkOf(pod.interfaces, time),
    ...(storage
      ? {
          volume: storage.volumes.map((one) => ({
            ...fileSystem(one.fileSystem, time, one),
            name: one.name,
            ...(one.claim ? { pvcRef: { name: one.claim, namespace } } : {}),
          })),
          'ephemeral-storage': disks && fileSystem(disks.node, time, storage.ephemeral),
        }
      : {}),
    process_stats: { process_count: pod.usage.pids },
    swap: { time, swapUsageBytes: pod.usage.swapBytes },
  };
}

function containerStats(one: ContainerUsage, before: ContainerUsage | undefined, at: PodAt): object {
  const { time, storage, disks } = at;
  const disk = (size: FileSystemSize | undefined, used: DiskUsage | undefined) =>
    size && used && fileSystem(size, time, used);
  return {
    name: one.name,
    startTime: timeText(one.startedAtMs),
    cpu: cpu(one.usage, before?.usage, at),
    memory: memory(one.usage, time),
    ...io(one.usage.stalls, time),
    rootfs: disk(disks?.images, storage?.writable.get(one.name)),
    logs: disk(disks?.node, storage?.logs.get(one.name)),
    swap: { time, swapUsageBytes: one.usage.swapBytes },
  };
}

/** Pressure stall information (KEP-4205), where the kernel has any; with its own microseconds, as upstream passes them on. */
const psi = (stalls: Stalls | undefined): object => (stalls ? { psi: stalls } : {});

const io = ({ io: stalls }: StallsOf, time: string): object => (stalls ? { io: { time, ...psi(stalls) } } : {});

/** No rate for what was not there at the window's beginning. */
const cpu = (
  now: { cpuNs: number; stalls: StallsOf },
  before: { cpuNs: number } | undefined,
  { time, seconds }: At,
): object => ({
  time,
  ...(before && seconds > 0 ? { usageNanoCores: Math.max(Math.round((now.cpuNs - before.cpuNs) / seconds), 0) } : {}),
  usageCoreNanoSeconds: now.cpuNs,
  ...psi(now.stalls.cpu),
});

const memory = (usage: CgroupUsage, time: string): object => ({
  time,
  usageBytes: usage.memoryBytes,
  workingSetBytes: usage.workingSetBytes,
  rssBytes: usage.rssBytes,
  pageFaults: usage.pageFaults,
  majorPageFaults: usage.majorPageFaults,
  ...psi(usage.stalls.memory),
});

const machineMemory = (machine: MachineUsage, time: string): object => ({
  time,
  availableBytes: machine.memoryAvailableBytes,
  usageBytes: machine.memoryBytes,
  workingSetBytes: workingSetOf(machine),
  rssBytes: machine.rssBytes,
  pageFaults: machine.pageFaults,
  majorPageFaults: machine.majorPageFaults,
  ...psi(machine.stalls.memory),
});

function networkOf(interfaces: readonly InterfaceUsage[], time: string): object {
  const main = mainInterface(interfaces);
  return main ? { network: { time, ...interfaceOf(main), interfaces: interfaces.map(interfaceOf) } } : {};
}

const interfaceOf = ({ name, rxBytes, rxErrors, txBytes, txErrors }: InterfaceUsage): object => ({
  ...{ name, rxBytes, rxErrors, txBytes, txErrors },
});

function fileSystem(size: FileSystemSize, time: string, used?: DiskUsage): object {
  const { capacityBytes, availableBytes, inodes, inodesFree } = size;
  const usedBytes = used?.bytes ?? capacityBytes - availableBytes;
  return {
    time,
    availableBytes,
    capacityBytes,
    usedBytes,
    inodesFree,
    inodes,
    inodesUsed: used?.inodes ?? inodes - inodesFree,
  };
}

const images = (size: FileSystemSize & DiskUsage, time: string): object => fileSystem(size, time, size);
