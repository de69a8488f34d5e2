/**
 * The raw cost of a pod on this machine: the CRI calls a kubelet must make, over the same client, one pod after the other,
 * and nothing else. `npx tsx bench/cri-floor.ts [N]` (root). "Pod created -> Running" is judged by these figures.
 */
import { loadavg } from 'node:os';
import { connectContainerd } from '../src/cri/containerd-client.ts';
import type { Cri } from '../src/cri/cri.ts';
import {
  machine,
  type OwnContainerd,
  startOwnContainerd,
  whyNoContainerd,
} from '../test/integration/own-containerd.ts';

const namespaceOptions = { network: 'POD', pid: 'CONTAINER', ipc: 'POD' } as const;
const runtimeDefault = { profileType: 'RuntimeDefault' } as const;

/** Milliseconds of each call, in order. */
type Timings = Record<string, number[]>;

async function timed<T>(timings: Timings, name: string, call: () => Promise<T>): Promise<T> {
  const start = performance.now();
  const result = await call();
  (timings[name] ??= []).push(performance.now() - start);
  return result;
}

async function onePod({ runtime }: Cri, own: OwnContainerd, { name, timings }: { name: string; timings: Timings }) {
  const securityContext = { namespaceOptions, seccomp: runtimeDefault };
  const cgroupParent = `${own.cgroup}/kubepods/${name}`;
  const sandboxConfig = {
    metadata: { name, uid: name, namespace: 'default', attempt: 0 },
    hostname: name,
    logDirectory: `${own.dir}/logs/${name}`,
    linux: { cgroupParent, securityContext },
  };
  const config = {
    metadata: { name: 'main', attempt: 0 },
    image: { image: 'knarr.local/busybox:1' },
    command: ['sleep', '1000'],
    logPath: 'main/0.log',
    linux: { securityContext },
  };
  const created = performance.now();
  const { podSandboxId } = await timed(timings, 'RunPodSandbox', () =>
    runtime.RunPodSandbox({ config: sandboxConfig }),
  );
  const create = () => runtime.CreateContainer({ podSandboxId, config, sandboxConfig });
  const { containerId } = await timed(timings, 'CreateContainer', create);
  await timed(timings, 'StartContainer', () => runtime.StartContainer({ containerId }));
  (timings['create -> running'] ??= []).push(performance.now() - created);
  const stopped = performance.now();
  await timed(timings, 'StopContainer (KILL)', () => runtime.StopContainer({ containerId, timeout: 0 }));
  await timed(timings, 'RemoveContainer', () => runtime.RemoveContainer({ containerId }));
  await timed(timings, 'StopPodSandbox', () => runtime.StopPodSandbox({ podSandboxId }));
  await timed(timings, 'RemovePodSandbox', () => runtime.RemovePodSandbox({ podSandboxId }));
  (timings['stop -> gone'] ??= []).push(performance.now() - stopped);
}

function report(timings: Timings, count: number): void {
  const load = loadavg().map((value) => value.toFixed(1));
  console.log(`CRI floor, ${count} pods one after the other, runc, ptp; load ${load.join(' ')} (ms)`);
  for (const [name, values] of Object.entries(timings)) {
    const sorted = [...values].sort((a, b) => a - b);
    const at = (share: number) => (sorted[Math.floor(share * (sorted.length - 1))] as number).toFixed(1);
    console.log(
      `${name.padEnd(22)} median ${at(0.5).padStart(7)}  p90 ${at(0.9).padStart(7)}  min ${at(0).padStart(7)}`,
    );
  }
}

async function main(count: number): Promise<void> {
  const reason = await whyNoContainerd();
  if (reason) throw new Error(`no containerd to measure: ${reason}`);
  const own = await startOwnContainerd('bench');
  const cri = connectContainerd(own.containerd.socketPath, machine);
  try {
    // The first pod unpacks the images.
    await onePod(cri, own, { name: 'warm-up', timings: {} });
    const timings: Timings = {};
    for (let i = 0; i < count; i++) await onePod(cri, own, { name: `pod-${i}`, timings });
    report(timings, count);
  } finally {
    cri.close();
    await own.stop();
  }
}

await main(Number(process.argv[2] ?? 20));
