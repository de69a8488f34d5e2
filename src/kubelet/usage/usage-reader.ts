import { readFile } from 'node:fs/promises';
import type { Pod } from '../../api/generated/types.ts';
import type { Cgroups } from '../cgroup/cgroups.ts';
import type { CgroupUsage } from '../cgroup/usage.ts';
import { kubepodsOf, podCgroup } from '../hooks/cgroup.ts';
import type { PodState } from '../worker/state.ts';
import { type MachineUsage, readMachineUsage } from './machine-usage.ts';
import { type InterfaceUsage, interfacesOf } from './network-usage.ts';

export interface ContainerUsage {
  name: string;
  /** The runtime's. A container that is made anew is another one: its counters begin at zero. */
  id: string;
  image: string;
  cgroup: string;
  startedAtMs: number;
  usage: CgroupUsage;
}

export interface PodUsage {
  pod: Pod;
  cgroup: string;
  startedAtMs: number;
  /** With what no container has: the sandbox, files in memory. */
  usage: CgroupUsage;
  containers: ContainerUsage[];
  /** None for pods in the node's network. */
  interfaces: InterfaceUsage[];
}

/** Everything that runs on the node, at one time. */
export interface NodeUsage {
  machine: MachineUsage;
  /** All pods together. */
  allPods: CgroupUsage | undefined;
  pods: PodUsage[];
}

export interface UsageReaderDeps {
  cgroups: Cgroups;
  cgroupRoot: string;
  pods(): readonly PodState[];
  readMachine?(): Promise<MachineUsage>;
}

/** Reads the kernel's counters of the node and of its running containers. */
export async function readNodeUsage({
  cgroups,
  cgroupRoot,
  pods,
  readMachine = readMachineUsage,
}: UsageReaderDeps): Promise<NodeUsage> {
  const [machine, allPods, ofPods] = await Promise.all([
    readMachine(),
    cgroups.usage(kubepodsOf(cgroupRoot)),
    Promise.all(pods().map((state) => podUsage(cgroups, cgroupRoot, state))),
  ]);
  // As upstream, whose figures of the machine are those of its root group.
  const shown = cgroups.version === 2 ? machine : { ...machine, stalls: {} };
  return { machine: shown, allPods, pods: ofPods.filter((pod) => pod !== undefined) };
}

async function podUsage(cgroups: Cgroups, cgroupRoot: string, state: PodState): Promise<PodUsage | undefined> {
  const { pod, sandbox } = state;
  const running = Object.values(state.containers).flatMap(({ current }) =>
    current?.state === 'running' ? [current] : [],
  );
  if (!sandbox) return undefined;
  const cgroup = podCgroup(cgroupRoot, pod);
  const [usage, containers, interfaces] = await Promise.all([
    cgroups.usage(cgroup),
    Promise.all(
      running.map(async ({ name, id, image, startedAtMs }): Promise<ContainerUsage[]> => {
        const own = `${cgroup}/${id}`;
        const used = await cgroups.usage(own);
        return used ? [{ name, id, image, cgroup: own, startedAtMs, usage: used }] : [];
      }),
    ),
    pod.spec.hostNetwork ? [] : sandboxInterfaces(cgroups, `${cgroup}/${sandbox.id}`),
  ]);
  // It ended while it was read.
  if (!usage) return undefined;
  return { pod, cgroup, startedAtMs: state.startTimeMs, usage, containers: containers.flat(), interfaces };
}

/** Through the eyes of the process that holds the pod's network. */
async function sandboxInterfaces(cgroups: Cgroups, cgroup: string): Promise<InterfaceUsage[]> {
  const [pid] = await cgroups.processes(cgroup);
  return pid === undefined ? [] : interfacesOf(await readFile(`/proc/${pid}/net/dev`, 'utf8').catch(() => ''));
}
