import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { access, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureBaseImages } from '../../src/cluster/images/base-images.ts';
import { importImage } from '../../src/cluster/images/import-image.ts';
import { listImages, removeImage } from '../../src/cluster/images/list-images.ts';
import { proxyImage } from '../../src/ingress/haproxy.ts';
import { connectContainerd } from '../../src/cri/containerd-client.ts';
import { ensureContainerd, purgeContainerd, stopContainerd } from '../../src/cri/containerd-process.ts';
import { criContract } from '../../src/cri/cri.contract.ts';
import type { TaskEvent } from '../../src/cri/cri.ts';
import { mountsBelow } from '../../src/cri/mounts.ts';
import { findProcesses, signal } from '../../src/host/recorded-process.ts';
import { machine, type OwnContainerd, startOwnContainerd, whyNoContainerd } from './own-containerd.ts';
import { shimSockets } from './shim-sockets.ts';

const run = promisify(execFile);
const reason = await whyNoContainerd();

if (reason) {
  console.warn(`no real containerd in this run: ${reason}`);
  describe.skip(`containerd (${reason})`, () => it('is not run', () => undefined));
} else {
  criContract('Cri: containerd', async () => {
    const own = await startOwnContainerd('cri');
    const cri = connectContainerd(own.containerd.socketPath, machine);
    const stop = async () => {
      cri.close();
      await own.stop();
    };
    return {
      cri,
      image: 'knarr.local/busybox:1',
      missingImage: 'localhost:1/none:1',
      logDirectory: join(own.dir, 'logs'),
      cgroupParent: `${own.cgroup}/kubepods/pod`,
      stop,
    };
  });
  describe('containerd as a process', processCases);
  describe('images without a registry', imageCases);
}

function processCases(): void {
  let own: OwnContainerd;
  beforeAll(async () => {
    own = await startOwnContainerd('proc');
  });
  afterAll(() => own?.stop(), 60_000);

  it('is adopted while it runs', async () => {
    const again = await ensureContainerd(own.options, machine);
    expect(again).toMatchObject({ pid: own.containerd.pid, adopted: true });
  });

  it('comes back after kill -9 with its containers untouched', async () => {
    const cri = connectContainerd(own.containerd.socketPath, machine);
    // A time that no other process sleeps.
    const command = ['sleep', String(1_000_000 + process.pid)];
    const { containerId } = await startPod(own, 'survivor', command);
    const isSleeper = (args: readonly string[]) => args.join(' ') === command.join(' ');
    const ended = new Promise((resolve) => cri.subscribe({ event: () => undefined, end: resolve }));
    await cri.runtime.Version({});
    const [sleeper] = await findProcesses(isSleeper);
    signal(own.containerd.pid, 'SIGKILL');
    await ended;
    const next = await ensureContainerd(own.options, machine);
    expect(next.adopted).toBe(false);
    await expect
      .poll(() =>
        cri.runtime.Version({}).then(
          () => true,
          () => false,
        ),
      )
      .toBe(true);
    const { status } = await cri.runtime.ContainerStatus({ containerId });
    expect(status?.state).toBe('CONTAINER_RUNNING');
    expect(sleeper).toBeDefined();
    expect(await findProcesses(isSleeper)).toContainEqual(sleeper);
    cri.close();
  });

  it('leaves containers running when it is stopped, and removes every trace when it is purged without running', async () => {
    await startPod(own, 'left-behind', ['sleep', '1000']);
    await stopContainerd(own.options, machine);
    expect(await findProcesses(isShimOf(own))).not.toEqual([]);
    const sockets = shimSockets(own.options.dir);
    expect(sockets.filter((path) => existsSync(path))).not.toEqual([]);
    await purgeContainerd(own.options, machine);
    expect(await traces(own)).toEqual([]);
    expect(sockets.filter((path) => existsSync(path))).toEqual([]);
  });

  it('starts again in an empty folder, and a purge with pods leaves nothing', async () => {
    await own.writeNetwork();
    const containerd = await ensureContainerd(own.options, machine);
    await ensureBaseImages({ socketPath: containerd.socketPath, cacheDir: join(own.dir, 'images'), ...machine });
    await Promise.all(['a', 'b', 'c'].map((name) => startPod(own, name, ['sleep', '1000'])));
    await containerd.stop({ purge: true });
    expect(await traces(own)).toEqual([]);
  });

  it('says why it does not start', async () => {
    const dir = join(own.dir, 'broken');
    await run('mkdir', ['-p', dir]);
    await run('touch', [join(dir, 'root')]);
    await expect(ensureContainerd({ ...own.options, dir }, machine)).rejects.toThrow(/containerd.*\n.*root/s);
  });
}

const isShimOf = (own: OwnContainerd) => (args: readonly string[]) => args.includes(own.containerd.socketPath);

/** What is left of a node's containerd on this machine. */
async function traces(own: OwnContainerd): Promise<string[]> {
  const { dir } = own.options;
  const processes = await findProcesses((args) => args.some((arg) => arg.includes(dir)));
  const cgroups = await run('find', ['/sys/fs/cgroup', '-maxdepth', '2', '-name', own.cgroup.split('/')[1] as string]);
  const results = await readdir('/var/lib/cni/results');
  const cached = await Promise.all(results.map((name) => readFile(join('/var/lib/cni/results', name), 'utf8')));
  const folder = await access(dir).then(
    () => [dir],
    () => [],
  );
  return [
    ...processes.map(({ args }) => args.join(' ')),
    ...(await mountsBelow(dir)),
    ...cgroups.stdout.split('\n').filter((line) => line !== ''),
    ...cached.filter((text) => text.includes(`"networkName":"${own.netns}"`)),
    ...folder,
  ];
}

async function startPod(own: OwnContainerd, name: string, command: string[]) {
  const cri = connectContainerd(own.containerd.socketPath, machine);
  const namespaceOptions = { network: 'POD', pid: 'CONTAINER', ipc: 'POD' } as const;
  const sandboxConfig = {
    metadata: { name, uid: name, namespace: 'default', attempt: 0 },
    hostname: name,
    logDirectory: join(own.dir, 'logs', name),
    linux: { cgroupParent: `${own.cgroup}/kubepods/${name}`, securityContext: { namespaceOptions } },
  };
  try {
    const { podSandboxId } = await cri.runtime.RunPodSandbox({ config: sandboxConfig });
    const config = {
      metadata: { name, attempt: 0 },
      image: { image: command.length > 0 ? 'knarr.local/busybox:1' : 'knarr.local/demo:1' },
      command,
      logPath: '0.log',
      linux: { securityContext: { namespaceOptions } },
    };
    const { containerId } = await cri.runtime.CreateContainer({ podSandboxId, config, sandboxConfig });
    await cri.runtime.StartContainer({ containerId });
    return { podSandboxId, containerId };
  } finally {
    cri.close();
  }
}

function imageCases(): void {
  let own: OwnContainerd;
  beforeAll(async () => {
    own = await startOwnContainerd('img');
  });
  afterAll(() => own?.stop(), 60_000);
  const target = () => ({ socketPath: own.containerd.socketPath, ...machine });

  it('does nothing the second time', async () => {
    const images = await ensureBaseImages({ ...target(), cacheDir: join(own.dir, 'images') });
    expect(images.map(({ ref }) => ref)).toContain(proxyImage);
    expect(images).toHaveLength(4);
    for (const image of images) expect(image).toMatchObject({ built: false, imported: false });
  });

  it('serves the name of its pod and ends at once when told', async () => {
    const { podSandboxId, containerId } = await startPod(own, 'demo-7', []);
    const cri = connectContainerd(own.containerd.socketPath, machine);
    const events: TaskEvent[] = [];
    cri.subscribe({ event: (event) => events.push(event), end: () => undefined });
    const { status } = await cri.runtime.PodSandboxStatus({ podSandboxId });
    const get = (path: string) =>
      run('nsenter', [
        `--net=/run/netns/${own.netns}`,
        'busybox',
        'wget',
        '-qO-',
        `http://${status?.network?.ip}:8080${path}`,
      ]).then(
        ({ stdout }) => stdout,
        () => '',
      );
    await expect.poll(() => get('/'), { interval: 20, timeout: 5000 }).toBe('demo-7\n');
    expect(await get('/healthz')).toBe('ok\n');
    await cri.runtime.StopContainer({ containerId, timeout: 30 });
    expect((await cri.runtime.ContainerStatus({ containerId })).status?.exitCode).toBe(143);
    cri.close();
  });

  it('takes a layout folder, its tar, and an archive of `docker save`, under the names they bring', async () => {
    const layout = (await readdir(join(own.dir, 'images'))).find((name) => name.includes('busybox')) as string;
    const dir = join(own.dir, 'images', layout);
    const tar = join(own.dir, 'layout.tar.gz');
    const socketPaths = [own.containerd.socketPath];
    await run('tar', ['-czf', tar, '-C', dir, '.']);
    expect(await importImage(machine, { socketPaths, source: tar, name: 'from-tar' })).toMatchObject([
      { ref: 'docker.io/library/from-tar:latest' },
    ]);
    const saved = await dockerArchive(own, dir);
    expect(await importImage(machine, { socketPaths, source: saved })).toMatchObject([
      { ref: 'docker.io/library/saved:2' },
    ]);
    const names = (await listImages(target())).flatMap((image) => image.names);
    expect(names).toEqual(expect.arrayContaining(['docker.io/library/saved:2', 'knarr.local/busybox:1']));
    expect(await removeImage(target(), 'saved:2')).toBe(true);
    expect(await removeImage(target(), 'saved:2')).toBe(false);
  });
}

/** The same image as `docker save` used to write it: a configuration, layers as `ID/layer.tar`, manifest.json. */
async function dockerArchive(own: OwnContainerd, layout: string): Promise<string> {
  const read = async (digest: string) =>
    JSON.parse(await readFile(join(layout, 'blobs/sha256', digest.slice(7)), 'utf8'));
  const index = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8'));
  const manifest = await read(index.manifests[0].digest);
  const dir = join(own.dir, 'saved');
  const blob = (digest: string) => join(layout, 'blobs/sha256', digest.slice(7));
  await run('mkdir', ['-p', join(dir, 'l1'), join(dir, 'l2')]);
  await run('cp', [blob(manifest.config.digest), join(dir, 'config.json')]);
  await run('cp', [blob(manifest.layers[0].digest), join(dir, 'l1/layer.tar')]);
  await run('ln', ['-s', '../l1/layer.tar', join(dir, 'l2/layer.tar')]);
  const entry = [{ Config: 'config.json', RepoTags: ['saved:2'], Layers: ['l2/layer.tar'] }];
  await run('sh', ['-c', 'printf %s "$1" >"$2"', 'sh', JSON.stringify(entry), join(dir, 'manifest.json')]);
  await run('tar', ['-cf', join(own.dir, 'saved.tar'), '-C', dir, '.']);
  return join(own.dir, 'saved.tar');
}
