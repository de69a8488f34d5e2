import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ContainerConfig, PodSandboxConfig } from '../api/generated/cri.ts';
import type { Cri, TaskEvent } from './cri.ts';

/** The commands the contract uses; the fake gives them their meaning by a script, a real runtime by running them. */
export const commands = {
  sleep: ['sleep', '1000'],
  /** Ends when it is told to, with 0. */
  obedient: ['sh', '-c', 'trap "exit 0" TERM; echo ready; while :; do usleep 20000; done'],
  /** Does not answer SIGTERM, as every first process without a handler. */
  stubborn: ['sh', '-c', 'trap "" TERM; echo ready; while :; do usleep 20000; done'],
  succeed: ['sh', '-c', 'usleep 20000; exit 0'],
  fail: ['sh', '-c', 'usleep 20000; exit 3'],
  /** More memory than `memoryLimit`. */
  greedy: ['sh', '-c', 'exec tail /dev/zero'],
  missing: ['/does-not-exist'],
} as const satisfies Record<string, readonly string[]>;

export const execCommand = ['sh', '-c', 'echo out; echo err >&2; exit 7'];

const memoryLimit = 32 << 20;

export interface CriHarness {
  cri: Cri;
  /** An image that is present, with the commands above. */
  image: string;
  /** One that no registry has. */
  missingImage: string;
  /** Where logs may go. */
  logDirectory: string;
  /** The cgroup for a pod, empty when the runtime has none. */
  cgroupParent: string;
  stop(): Promise<void>;
}

/** What every `Cri` does; containerd 1.6 is the measure, later versions answer the same. */
export function criContract(name: string, start: () => Promise<CriHarness>): void {
  describe(name, () => {
    let harness: CriHarness;
    let pods: Pods;
    beforeAll(async () => {
      harness = await start();
    }, 60_000);
    afterAll(() => harness?.stop(), 60_000);
    beforeEach(() => {
      pods = new Pods(harness);
    });
    afterEach(() => pods.removeAll());
    nodeCases(() => harness);
    sandboxCases(() => pods);
    lifeCases(() => pods);
    failureCases(() => pods);
    execCases(() => pods);
  });
}

function nodeCases(harness: () => CriHarness): void {
  it('says its version and that it is ready', async () => {
    const { runtime } = harness().cri;
    expect(await runtime.Version({})).toMatchObject({ runtimeName: expect.any(String), runtimeApiVersion: 'v1' });
    const { status } = await runtime.Status({});
    for (const type of ['RuntimeReady', 'NetworkReady']) {
      expect(status?.conditions).toContainEqual(expect.objectContaining({ type, status: true }));
    }
  });

  it('finds an image by name and by id, and answers without one when there is none', async () => {
    const { cri, image, missingImage } = harness();
    const found = (await cri.images.ImageStatus({ image: { image } })).image;
    expect(found).toMatchObject({ id: expect.stringMatching(/^sha256:[0-9a-f]{64}$/), repoTags: [image] });
    expect((await cri.images.ImageStatus({ image: { image: found?.id as string } })).image?.id).toBe(found?.id);
    expect((await cri.images.ImageStatus({ image: { image: missingImage } })).image).toBeUndefined();
    expect((await cri.images.ListImages({})).images?.map(({ id }) => id)).toContain(found?.id);
  });

  it('gives the files of an image until they are released, and none of an image that is not there', async () => {
    const { cri, image, missingImage } = harness();
    const key = 'knarr-contract/view';
    const mount = await cri.imageFiles.view(image, key);
    expect(mount.options.length).toBeGreaterThan(0);
    expect(await cri.imageFiles.view(image, key)).toEqual(mount);
    await cri.imageFiles.release(key);
    await cri.imageFiles.release(key);
    await expect(cri.imageFiles.view(missingImage, key)).rejects.toMatchObject({ code: 'NotFound' });
  });

  it('fails to pull an image that no registry has', async () => {
    const pull = harness().cri.images.PullImage({ image: { image: harness().missingImage } });
    await expect(pull).rejects.toMatchObject({ name: 'RpcError' });
  });

  it('calls what it does not know NotFound, and removes it gladly', async () => {
    const { runtime } = harness().cri;
    const notFound = { name: 'RpcError', code: 'NotFound' };
    await expect(runtime.ContainerStatus({ containerId: 'none' })).rejects.toMatchObject(notFound);
    await expect(runtime.StartContainer({ containerId: 'none' })).rejects.toMatchObject(notFound);
    await expect(runtime.PodSandboxStatus({ podSandboxId: 'none' })).rejects.toMatchObject(notFound);
    await expect(runtime.ExecSync({ containerId: 'none', cmd: ['true'] })).rejects.toMatchObject(notFound);
    expect(await runtime.RemoveContainer({ containerId: 'none' })).toEqual({});
    expect(await runtime.RemovePodSandbox({ podSandboxId: 'none' })).toEqual({});
  });
}

function sandboxCases(pods: () => Pods): void {
  it('runs a sandbox with an address of its own, and lists it by label', async () => {
    const [one, two] = [await pods().sandbox(), await pods().sandbox()];
    const { runtime } = pods().cri;
    const { status } = await runtime.PodSandboxStatus({ podSandboxId: one.id });
    expect(status).toMatchObject({ id: one.id, state: 'SANDBOX_READY', labels: one.config.labels });
    expect(status?.metadata).toMatchObject({ name: one.config.metadata?.name, namespace: 'default' });
    expect(status?.network?.ip).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
    const other = (await runtime.PodSandboxStatus({ podSandboxId: two.id })).status;
    expect(other?.network?.ip).not.toBe(status?.network?.ip);
    const { items } = await runtime.ListPodSandbox({ filter: { labelSelector: one.config.labels } });
    expect(items).toMatchObject([{ id: one.id, state: 'SANDBOX_READY' }]);
  });

  it('refuses the same sandbox twice', async () => {
    const { config } = await pods().sandbox();
    await expect(pods().cri.runtime.RunPodSandbox({ config })).rejects.toMatchObject({ name: 'RpcError' });
  });

  it('kills the containers of a sandbox that is stopped, and forgets it when it is removed', async () => {
    const { id: podSandboxId, config } = await pods().sandbox();
    const containerId = await pods().start({ id: podSandboxId, config }, commands.sleep);
    const { runtime } = pods().cri;
    await runtime.StopPodSandbox({ podSandboxId });
    expect((await runtime.ContainerStatus({ containerId })).status).toMatchObject({
      state: 'CONTAINER_EXITED',
      exitCode: 137,
    });
    const { status } = await runtime.PodSandboxStatus({ podSandboxId });
    expect(status?.state).toBe('SANDBOX_NOTREADY');
    expect(status?.network?.ip ?? '').toBe('');
    await pods().seen(podSandboxId, 'exit');
    await runtime.RemovePodSandbox({ podSandboxId });
    await expect(runtime.PodSandboxStatus({ podSandboxId })).rejects.toMatchObject({ code: 'NotFound' });
    await expect(runtime.ContainerStatus({ containerId })).rejects.toMatchObject({ code: 'NotFound' });
  });
}

function lifeCases(pods: () => Pods): void {
  it('takes a container from created to running to exited', async () => {
    const sandbox = await pods().sandbox();
    const containerId = await pods().create(sandbox, commands.sleep);
    const { runtime } = pods().cri;
    const created = (await runtime.ContainerStatus({ containerId })).status;
    expect(created).toMatchObject({ state: 'CONTAINER_CREATED', createdAt: expect.any(Number), labels: { tier: 'x' } });
    expect(created?.startedAt ?? 0).toBe(0);
    await runtime.StartContainer({ containerId });
    const running = (await runtime.ContainerStatus({ containerId })).status;
    expect(running?.state).toBe('CONTAINER_RUNNING');
    expect(running?.startedAt).toBeGreaterThanOrEqual(created?.createdAt as number);
    const filter = { podSandboxId: sandbox.id, state: { state: 'CONTAINER_RUNNING' as const } };
    expect((await runtime.ListContainers({ filter })).containers).toMatchObject([{ id: containerId }]);
    await expect(runtime.StartContainer({ containerId })).rejects.toMatchObject({ name: 'RpcError' });
    await runtime.StopContainer({ containerId, timeout: 0 });
    const exited = (await runtime.ContainerStatus({ containerId })).status;
    expect(exited).toMatchObject({ state: 'CONTAINER_EXITED', exitCode: 137, reason: 'Error' });
    expect(exited?.finishedAt).toBeGreaterThanOrEqual(running?.startedAt as number);
    expect((await runtime.ListContainers({ filter })).containers ?? []).toEqual([]);
  });

  it.each([
    { command: commands.succeed, exitCode: 0, reason: 'Completed' },
    { command: commands.fail, exitCode: 3, reason: 'Error' },
  ])('tells the end with code $exitCode by an event and in the status', async ({ command, exitCode, reason }) => {
    const containerId = await pods().start(await pods().sandbox(), command);
    await pods().seen(containerId, 'start');
    const event = await pods().seen(containerId, 'exit');
    expect(event).toMatchObject({ exitCode, atMs: expect.any(Number) });
    // The status follows the event: the runtime deletes the task in between.
    await pods().seen(containerId, 'delete');
    const exited = expect.objectContaining({ state: 'CONTAINER_EXITED', exitCode, reason });
    await expect.poll(() => pods().status(containerId), { interval: 10, timeout: 5000 }).toEqual(exited);
  });

  it('lets a container end by itself after SIGTERM', async () => {
    const containerId = await pods().startReady(commands.obedient);
    await pods().cri.runtime.StopContainer({ containerId, timeout: 30 });
    expect(await pods().status(containerId)).toMatchObject({ exitCode: 0, reason: 'Completed' });
  });

  it('kills a container that does not end in time', async () => {
    const containerId = await pods().startReady(commands.stubborn);
    await pods().cri.runtime.StopContainer({ containerId, timeout: 1 });
    expect(await pods().status(containerId)).toMatchObject({ exitCode: 137, reason: 'Error' });
  });

  it('says when memory was the reason', async () => {
    const resources = { memoryLimitInBytes: memoryLimit };
    const containerId = await pods().start(await pods().sandbox(), commands.greedy, { linux: { resources } });
    await pods().seen(containerId, 'oom');
    expect(await pods().seen(containerId, 'exit')).toMatchObject({ exitCode: 137 });
    const killed = expect.objectContaining({ state: 'CONTAINER_EXITED', exitCode: 137, reason: 'OOMKilled' });
    await expect.poll(() => pods().status(containerId), { interval: 10, timeout: 5000 }).toEqual(killed);
  });

  it('removes a container also while it runs', async () => {
    const containerId = await pods().start(await pods().sandbox(), commands.sleep);
    await pods().cri.runtime.RemoveContainer({ containerId });
    await pods().seen(containerId, 'exit');
    await expect(pods().status(containerId)).rejects.toMatchObject({ code: 'NotFound' });
  });
}

function failureCases(pods: () => Pods): void {
  it('fails to start a command that does not exist, and keeps the reason', async () => {
    const containerId = await pods().create(await pods().sandbox(), commands.missing);
    await expect(pods().cri.runtime.StartContainer({ containerId })).rejects.toMatchObject({ name: 'RpcError' });
    const status = await pods().status(containerId);
    expect(status).toMatchObject({ state: 'CONTAINER_EXITED', exitCode: 128, reason: 'StartError' });
    expect(status?.message).toBeTruthy();
  });

  it('does not create a container without its image, or in a sandbox it does not know', async () => {
    const sandbox = await pods().sandbox();
    const image = { image: pods().harness.missingImage };
    const notFound = { name: 'RpcError', code: 'NotFound' };
    await expect(pods().create(sandbox, commands.sleep, { image })).rejects.toMatchObject(notFound);
    await expect(pods().create({ ...sandbox, id: 'none' }, commands.sleep)).rejects.toMatchObject(notFound);
  });

  it('tells a subscriber nothing after it has stopped', async () => {
    const late: TaskEvent[] = [];
    const subscription = pods().cri.subscribe({ event: (event) => late.push(event), end: () => undefined });
    subscription.stop();
    const containerId = await pods().start(await pods().sandbox(), commands.succeed);
    await pods().seen(containerId, 'delete');
    expect(late).toEqual([]);
  });
}

function execCases(pods: () => Pods): void {
  it('runs a command in a container and says how it ended; its end is no event of the container', async () => {
    const containerId = await pods().start(await pods().sandbox(), commands.sleep);
    const { runtime } = pods().cri;
    const result = await runtime.ExecSync({ containerId, cmd: execCommand, timeout: 10 });
    expect(result.exitCode).toBe(7);
    expect([String(result.stdout), String(result.stderr)]).toEqual(['out\n', 'err\n']);
    await runtime.StopContainer({ containerId, timeout: 0 });
    await pods().seen(containerId, 'exit');
    expect(pods().events.filter(({ id, type }) => id === containerId && type === 'exit')).toHaveLength(1);
    await expect(runtime.ExecSync({ containerId, cmd: ['true'], timeout: 1 })).rejects.toMatchObject({
      name: 'RpcError',
    });
  });

  it('gives up a command that takes too long', async () => {
    const containerId = await pods().start(await pods().sandbox(), commands.sleep);
    const exec = pods().cri.runtime.ExecSync({ containerId, cmd: ['sleep', '100'], timeout: 1 });
    await expect(exec).rejects.toMatchObject({ code: 'DeadlineExceeded' });
  });

  it('counts what a running container uses', async () => {
    const containerId = await pods().start(await pods().sandbox(), commands.sleep);
    const { stats } = await pods().cri.runtime.ContainerStats({ containerId });
    expect(stats?.attributes?.id).toBe(containerId);
    expect(stats?.memory?.workingSetBytes?.value).toBeGreaterThan(0);
  });
}

interface Sandbox {
  id: string;
  config: PodSandboxConfig;
}

const namespaceOptions = { network: 'POD', pid: 'CONTAINER', ipc: 'POD' } as const;

/** The pods of one test: names that do not repeat, the events seen, and the removal of what was made. */
class Pods {
  readonly harness: CriHarness;
  readonly events: TaskEvent[] = [];
  readonly #sandboxes: string[] = [];
  readonly #subscription: { stop(): void };
  #containers = 0;

  constructor(harness: CriHarness) {
    this.harness = harness;
    this.#subscription = harness.cri.subscribe({
      event: (event) => this.events.push(event),
      end: (error) => this.events.push({ type: 'delete', id: `the stream ended: ${error}`, atMs: 0 }),
    });
  }

  get cri(): Cri {
    return this.harness.cri;
  }

  async sandbox(): Promise<Sandbox> {
    const name = `pod-${this.#sandboxes.length}`;
    const config: PodSandboxConfig = {
      metadata: { name, uid: `${name}-uid`, namespace: 'default', attempt: 0 },
      hostname: name,
      logDirectory: `${this.harness.logDirectory}/${name}`,
      labels: { app: name },
      linux: { cgroupParent: this.harness.cgroupParent, securityContext: { namespaceOptions } },
    };
    const { podSandboxId = '' } = await this.cri.runtime.RunPodSandbox({ config });
    this.#sandboxes.push(podSandboxId);
    return { id: podSandboxId, config };
  }

  async create(sandbox: Sandbox, command: readonly string[], more: ContainerConfig = {}): Promise<string> {
    const name = `c${this.#containers++}`;
    const config: ContainerConfig = {
      metadata: { name, attempt: 0 },
      image: { image: this.harness.image },
      command: [...command],
      labels: { tier: 'x' },
      logPath: `${name}/0.log`,
      ...more,
      linux: { securityContext: { namespaceOptions }, ...more.linux },
    };
    const request = { podSandboxId: sandbox.id, config, sandboxConfig: sandbox.config };
    return (await this.cri.runtime.CreateContainer(request)).containerId as string;
  }

  async start(sandbox: Sandbox, command: readonly string[], more: ContainerConfig = {}): Promise<string> {
    const containerId = await this.create(sandbox, command, more);
    await this.cri.runtime.StartContainer({ containerId });
    return containerId;
  }

  /** Started, and its shell has set its traps: a signal that comes earlier is lost on a first process. */
  async startReady(command: readonly string[]): Promise<string> {
    const containerId = await this.start(await this.sandbox(), command);
    // Bit 14 of the caught or ignored signals is SIGTERM.
    const cmd = ['grep', '-Eq', '^Sig(Cgt|Ign):.*[4-7c-f][0-9a-f]{3}$', '/proc/1/status'];
    const ready = async () => (await this.cri.runtime.ExecSync({ containerId, cmd, timeout: 5 })).exitCode;
    await expect.poll(ready, { interval: 20, timeout: 5000 }).toBe(0);
    return containerId;
  }

  async status(containerId: string) {
    return (await this.cri.runtime.ContainerStatus({ containerId })).status;
  }

  async seen(id: string, type: TaskEvent['type']): Promise<TaskEvent> {
    const find = () => this.events.find((event) => event.id === id && event.type === type);
    await expect.poll(find, { interval: 5, timeout: 5000, message: `${type} of ${id}` }).toBeDefined();
    return find() as TaskEvent;
  }

  async removeAll(): Promise<void> {
    this.#subscription.stop();
    for (const podSandboxId of this.#sandboxes) {
      await this.cri.runtime.StopPodSandbox({ podSandboxId }).catch(() => undefined);
      await this.cri.runtime.RemovePodSandbox({ podSandboxId });
    }
  }
}
