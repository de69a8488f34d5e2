/** Where one node's containerd keeps everything it has; all below one folder, so that it can be removed as a whole. */
export interface ContainerdPaths {
  dir: string;
  config: string;
  socket: string;
  pidFile: string;
  log: string;
  root: string;
  state: string;
  /** The network configuration (`*.conflist`); containerd watches the folder. */
  cniConfDir: string;
  /** For the `dataDir` of host-local, named in the network configuration. */
  cniDataDir: string;
  /** Registry hosts: `<registry>/hosts.toml`, `_default` for all others; read at each pull. */
  certsDir: string;
  runtimeRoot: string;
  opt: string;
}

/** The kernel's limit for the path of a unix socket is 107 bytes; `.ttrpc` is the longer of our two. */
const maxSocketPath = 107 - '.ttrpc'.length;

/** The paths below `dir` (absolute). Throws when a unix socket there would have too long a path. */
export function containerdPaths(dir: string): ContainerdPaths {
  const socket = `${dir}/containerd.sock`;
  if (!dir.startsWith('/')) throw new Error(`the runtime's folder must be an absolute path: ${dir}`);
  if (Buffer.byteLength(socket) > maxSocketPath) throw new Error(`too long for the path of a unix socket: ${socket}`);
  return {
    dir,
    socket,
    config: `${dir}/config.toml`,
    pidFile: `${dir}/containerd.pid`,
    log: `${dir}/containerd.log`,
    root: `${dir}/root`,
    state: `${dir}/state`,
    cniConfDir: `${dir}/cni/net.d`,
    cniDataDir: `${dir}/cni/data`,
    certsDir: `${dir}/certs.d`,
    runtimeRoot: `${dir}/run`,
    opt: `${dir}/opt`,
  };
}

export interface ContainerdConfig {
  paths: ContainerdPaths;
  /** OCI runtimes by handler name, with the absolute path of the program. */
  runtimes: Record<string, string>;
  /** The handler of pods that name none; a key of `runtimes`. */
  defaultRuntime: string;
  pauseImage: string;
  /** Folder of the CNI plugins (ptp, host-local, loopback, portmap). */
  cniBinDir: string;
}

export const pauseImage = 'knarr.local/pause:1';

/** Plugins we never use; some of them log errors or cost start-up time when their kernel side is missing. */
const disabledPlugins = [
  'io.containerd.snapshotter.v1.aufs',
  'io.containerd.snapshotter.v1.btrfs',
  'io.containerd.snapshotter.v1.devmapper',
  'io.containerd.snapshotter.v1.zfs',
  'io.containerd.snapshotter.v1.native',
  'io.containerd.internal.v1.restart',
  'io.containerd.tracing.processor.v1.otlp',
  'io.containerd.internal.v1.tracing',
];

/** A TOML basic string; JSON's escapes are a subset of TOML's. */
const quote = (text: string): string => JSON.stringify(text);

/**
 * containerd's configuration, format version 2 (containerd/docs/cri/config.md). Pure. pause_threshold: the collector of
 * unused content looks every (length of a collection / threshold) whether there is work; at the default of 0.02 that is
 * several times a second, and half of what an idle containerd takes.
 */
export function renderContainerdConfig(config: ContainerdConfig): string {
  const { paths } = config;
  return `version = 2
root = ${quote(paths.root)}
state = ${quote(paths.state)}
disabled_plugins = [${disabledPlugins.map(quote).join(', ')}]
oom_score = 0

[grpc]
  address = ${quote(paths.socket)}

[ttrpc]
  address = ${quote(`${paths.socket}.ttrpc`)}

[plugins."io.containerd.internal.v1.opt"]
  path = ${quote(paths.opt)}

[plugins."io.containerd.gc.v1.scheduler"]
  pause_threshold = 0.001
${criSection(config)}${Object.entries(config.runtimes)
  .map(([name, program]) => runtimeSection(name, program, `${paths.runtimeRoot}/${name}`))
  .join('')}`;
}

/**
 * restrict_oom_score_adj: without CAP_SYS_RESOURCE no sandbox could start otherwise. netns_mounts_under_state_dir: the
 * pods' network namespaces belong to this node, not to /run/netns. Huge pages are nobody's on a mixed cgroup hierarchy.
 */
function criSection({ paths, pauseImage: pause, cniBinDir, defaultRuntime }: ContainerdConfig): string {
  return `
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = ${quote(pause)}
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  netns_mounts_under_state_dir = true
  restrict_oom_score_adj = true
  disable_tcp_service = true
  enable_unprivileged_ports = true
  enable_unprivileged_icmp = true
  tolerate_missing_hugetlb_controller = true
  disable_hugetlb_controller = true

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = ${quote(cniBinDir)}
    conf_dir = ${quote(paths.cniConfDir)}
    max_conf_num = 1

  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = ${quote(paths.certsDir)}

  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = ${quote(defaultRuntime)}
    snapshotter = "overlayfs"
`;
}

/** SystemdCgroup off: the cgroupfs driver, cgroup parents are plain paths. */
function runtimeSection(name: string, program: string, root: string): string {
  const table = `plugins."io.containerd.grpc.v1.cri".containerd.runtimes.${quote(name)}`;
  return `
    [${table}]
      runtime_type = "io.containerd.runc.v2"

      [${table}.options]
        BinaryName = ${quote(program)}
        Root = ${quote(root)}
        SystemdCgroup = false
`;
}
