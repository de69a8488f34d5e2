import { basename, join } from 'node:path';
import { mountPoints } from '../../src/cri/mounts.ts';
import { cgroupsContract } from '../../src/kubelet/cgroup/cgroups.contract.ts';
import { detectCgroups } from '../../src/kubelet/cgroup/cgroups.ts';

// Needs root. Whichever version this machine has; the other one is seen in a guest (test/vm).
const cgroups = await detectCgroups();
const mounts = await mountPoints();
const root = `/knarr-test-${process.pid}`;

const files = {
  1: {
    cpuWeight: 'cpu.shares',
    cpuQuota: 'cpu.cfs_quota_us',
    memory: 'memory.limit_in_bytes',
    pids: 'pids.max',
  },
  2: { cpuWeight: 'cpu.weight', cpuQuota: 'cpu.max', memory: 'memory.max', pids: 'pids.max' },
};

/** The hierarchies that carry the controllers we set limits of. */
const hierarchies = mounts.filter(({ fsType, path }) => {
  if (cgroups.version === 2) return fsType === 'cgroup2';
  const controllers = basename(path).split(',');
  return fsType === 'cgroup' && ['cpu', 'cpuacct', 'memory', 'pids'].some((name) => controllers.includes(name));
});

cgroupsContract(`kernel, version ${cgroups.version}`, async () => ({
  cgroups,
  root,
  foldersOf: (path) => hierarchies.map((mount) => join(mount.path, path)),
  files: files[cgroups.version],
}));
