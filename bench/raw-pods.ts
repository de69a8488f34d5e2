/** What the agent asks of the runtime for a pod, taken from one that runs, and the same calls without an agent. */
import type { Cri } from '../src/cri/cri.ts';

/** What the agent asked of the runtime for a pod: the raw path asks exactly the same. */
export interface Asked {
  sandbox: Record<string, unknown>;
  container: Record<string, unknown> & { envs: { key: string; value: Buffer }[] };
}

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

export async function askedFor({ runtime }: Cri, name: string): Promise<Asked> {
  const labelSelector = { 'io.kubernetes.pod.name': name };
  const { containers = [] } = await runtime.ListContainers({ filter: { labelSelector } });
  const { id = '', podSandboxId = '' } = containers[0] ?? {};
  const container = await runtime.ContainerStatus({ containerId: id, verbose: true });
  const sandbox = await runtime.PodSandboxStatus({ podSandboxId, verbose: true });
  const configOf = (info: Record<string, string> | undefined) => JSON.parse(info?.info ?? '{}').config;
  const asked = { sandbox: camel(configOf(sandbox.info)), container: camel(configOf(container.info)) } as Asked;
  // Text in containerd's words, bytes in ours.
  asked.container.envs = asked.container.envs.map(({ key, value }) => ({ key, value: Buffer.from(value) }));
  // Without its labels the agent does not take the pod for one of its own, and leaves it alone.
  delete asked.sandbox.labels;
  delete asked.container.labels;
  return asked;
}

/** containerd prints the messages with their protobuf names. */
function camel<T>(value: T): T {
  if (Array.isArray(value)) return value.map(camel) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
      ['labels', 'annotations'].includes(key) ? inner : camel(inner),
    ]),
  ) as T;
}

/** A pod made by the runtime alone; it can be stopped and removed. */
export interface RawPod {
  stop(): Promise<void>;
}

export async function startRawPod({ runtime }: Cri, asked: Asked, name: string): Promise<RawPod> {
  const linux = asked.sandbox.linux as { cgroupParent: string };
  const cgroupParent = `${linux.cgroupParent.slice(0, linux.cgroupParent.lastIndexOf('/'))}/pod${name}`;
  const metadata = { ...(asked.sandbox.metadata as object), name, uid: name };
  const config = { ...asked.sandbox, metadata, linux: { ...linux, cgroupParent } };
  const { podSandboxId } = await runtime.RunPodSandbox({ config });
  const request = { podSandboxId, config: asked.container, sandboxConfig: config };
  const { containerId } = await runtime.CreateContainer(request);
  await runtime.StartContainer({ containerId });
  return {
    async stop() {
      await runtime.StopContainer({ containerId, timeout: 1 });
      await runtime.RemoveContainer({ containerId });
      await runtime.StopPodSandbox({ podSandboxId });
      await runtime.RemovePodSandbox({ podSandboxId });
    },
  };
}
