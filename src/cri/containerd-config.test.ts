import { describe, expect, it } from 'vitest';
import { containerdPaths, pauseImage, renderContainerdConfig } from './containerd-config.ts';

const golden = `version = 2
root = "/var/lib/knarr/knarr/node-1/containerd/root"
state = "/var/lib/knarr/knarr/node-1/containerd/state"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.native", "io.containerd.internal.v1.restart", "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing"]
oom_score = 0

[grpc]
  address = "/var/lib/knarr/knarr/node-1/containerd/containerd.sock"

[ttrpc]
  address = "/var/lib/knarr/knarr/node-1/containerd/containerd.sock.ttrpc"

[plugins."io.containerd.internal.v1.opt"]
  path = "/var/lib/knarr/knarr/node-1/containerd/opt"

[plugins."io.containerd.gc.v1.scheduler"]
  pause_threshold = 0.001

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "knarr.local/pause:1"
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
    bin_dir = "/usr/lib/cni"
    conf_dir = "/var/lib/knarr/knarr/node-1/containerd/cni/net.d"
    max_conf_num = 1

  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "/var/lib/knarr/knarr/node-1/containerd/certs.d"

  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "runc"
    snapshotter = "overlayfs"

    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes."runc"]
      runtime_type = "io.containerd.runc.v2"

      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes."runc".options]
        BinaryName = "/usr/sbin/runc"
        Root = "/var/lib/knarr/knarr/node-1/containerd/run/runc"
        SystemdCgroup = false

    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes."crun"]
      runtime_type = "io.containerd.runc.v2"

      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes."crun".options]
        BinaryName = "/usr/bin/crun"
        Root = "/var/lib/knarr/knarr/node-1/containerd/run/crun"
        SystemdCgroup = false
`;

describe('containerd configuration', () => {
  it('is rendered to the letter', () => {
    const text = renderContainerdConfig({
      paths: containerdPaths('/var/lib/knarr/knarr/node-1/containerd'),
      runtimes: { runc: '/usr/sbin/runc', crun: '/usr/bin/crun' },
      defaultRuntime: 'runc',
      pauseImage,
      cniBinDir: '/usr/lib/cni',
    });
    expect(text).toBe(golden);
  });

  it('escapes what a folder name may contain', () => {
    const text = renderContainerdConfig({
      paths: containerdPaths('/srv/a "b" \\c'),
      runtimes: { runc: '/usr/sbin/runc' },
      defaultRuntime: 'runc',
      pauseImage,
      cniBinDir: '/usr/lib/cni',
    });
    expect(text).toContain('root = "/srv/a \\"b\\" \\\\c/root"');
  });

  it('refuses a folder whose socket path the kernel would not take, and a relative one', () => {
    expect(() => containerdPaths(`/${'x'.repeat(90)}`)).toThrow('too long');
    expect(() => containerdPaths('state/containerd')).toThrow('absolute');
  });
});
