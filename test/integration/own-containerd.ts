import { execFile } from 'node:child_process';
import { access, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { realClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { machineRng } from '../../src/base/rng.ts';
import { ensureBaseImages } from '../../src/cluster/images/base-images.ts';
import { containerdPaths } from '../../src/cri/containerd-config.ts';
import {
  type Containerd,
  type ContainerdOptions,
  ensureContainerd,
  purgeContainerd,
} from '../../src/cri/containerd-process.ts';

const run = promisify(execFile);

export const machine = { clock: realClock, rng: machineRng, log: silentLog };

/** A containerd for one test run, in a network namespace of its own, with the base images. */
export interface OwnContainerd {
  containerd: Containerd;
  options: ContainerdOptions;
  netns: string;
  /** Everything of this run; only the runtime's own folder below it is the purge's. */
  dir: string;
  cgroup: string;
  /** The network configuration, needed again after a purge. */
  writeNetwork(): Promise<void>;
  /** Removes all of it. */
  stop(): Promise<void>;
}

/** Why a real containerd cannot run here; undefined when it can. */
export async function whyNoContainerd(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'not root';
  const needed = ['/usr/bin/containerd', '/usr/sbin/runc', '/usr/lib/cni/ptp', '/bin/busybox', '/usr/bin/catatonit'];
  for (const path of needed) {
    const found = await access(path).then(
      () => true,
      () => false,
    );
    if (!found) return `${path} is not installed`;
  }
  return undefined;
}

/**
 * Names carry the process id: runs side by side do not meet. `isOnHost`: in the network namespace of this process, for those
 * who speak with the runtime's streaming server on its loopback; pods then have routes here, so `subnet` has to be their own.
 */
export async function startOwnContainerd(
  purpose: string,
  { isOnHost = false, subnet = '10.199.0.0/24' } = {},
): Promise<OwnContainerd> {
  const name = `kn-${purpose}-${process.pid}`;
  const dir = await mkdtemp(`/var/tmp/${name}-`);
  const cgroup = `/knarr-${purpose}-${process.pid}/node`;
  if (!isOnHost) {
    await run('ip', ['netns', 'add', name]);
    await run('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
  }
  const options = {
    dir: join(dir, 'containerd'),
    cgroup,
    launcher: isOnHost ? [] : ['/usr/bin/nsenter', `--net=/run/netns/${name}`],
  };
  const paths = containerdPaths(options.dir);
  const writeNetwork = async () => {
    await mkdir(paths.cniConfDir, { recursive: true });
    await writeFile(
      join(paths.cniConfDir, '10-knarr.conflist'),
      JSON.stringify(network(name, paths.cniDataDir, subnet)),
    );
  };
  await writeNetwork();
  const stop = async () => {
    await purgeContainerd(options, machine);
    if (!isOnHost) await run('ip', ['netns', 'del', name]);
    await rm(dir, { recursive: true, force: true });
  };
  try {
    const containerd = await ensureContainerd(options, machine);
    await ensureBaseImages({ socketPath: containerd.socketPath, cacheDir: join(dir, 'images'), ...machine });
    return { containerd, options, netns: name, dir, cgroup, writeNetwork, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** ptp and host-local. The pods' range is nobody's: nothing leaves this network namespace. */
const network = (name: string, dataDir: string, subnet: string) => ({
  cniVersion: '0.4.0',
  name,
  plugins: [
    {
      type: 'ptp',
      ipMasq: false,
      mtu: 1450,
      ipam: {
        type: 'host-local',
        dataDir,
        ranges: [[{ subnet }]],
        routes: [{ dst: '0.0.0.0/0' }],
      },
    },
  ],
});
