import { join } from 'node:path';
import type { Pod } from '../api/generated/types.ts';
import { CsiPaths } from './csi/csi-paths.ts';

const kubeletDir = '/var/lib/kubelet';

/** Where the node agent keeps what belongs to pods. */
export class PodPaths {
  readonly #dataDir: string;

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  get podsDir(): string {
    return join(this.#dataDir, 'pods');
  }

  /** A tmpfs: what mirrors Secrets and tokens never reaches a disk. */
  get memoryDir(): string {
    return join(this.#dataDir, 'memory');
  }

  get logsDir(): string {
    return join(this.#dataDir, 'logs', 'pods');
  }

  podDir(uid: string): string {
    return join(this.podsDir, uid);
  }

  podMemoryDir(uid: string): string {
    return join(this.memoryDir, uid);
  }

  volumeDir(uid: string, kind: string, name: string): string {
    return join(this.podDir(uid), 'volumes', kind, name);
  }

  subPathDir(uid: string, container: string): string {
    return join(this.podDir(uid), 'sub-paths', container);
  }

  /** The data of a volume of the built-in storage: outlives pods. Throws for a name that is no name. */
  localVolumeDir(name: string): string {
    if (!/^[a-z0-9][a-z0-9.-]*$/.test(name)) throw new Error(`${JSON.stringify(name)} is not the name of a volume`);
    return join(this.#dataDir, 'local-path', name);
  }

  /** Where device plugins register, and whose sockets lie there. */
  get devicePluginsDir(): string {
    return join(this.#dataDir, 'device-plugins');
  }

  get podResourcesSocket(): string {
    return join(this.#dataDir, 'pod-resources', 'kubelet.sock');
  }

  /** Where plugins put their registration sockets. */
  get pluginsRegistryDir(): string {
    return join(this.#dataDir, 'plugins_registry');
  }

  /** What is known of claims whose devices were made ready here. */
  get claimsDir(): string {
    return join(this.#dataDir, 'claims');
  }

  /** What is known of images that this node pulled; named as upstream's. */
  get pullRecordsDir(): string {
    return join(this.#dataDir, 'image_manager');
  }

  /** Archives of containers; named as upstream's. */
  get checkpointsDir(): string {
    return join(this.#dataDir, 'checkpoints');
  }

  /** The folders of volumes of CSI drivers. */
  get csi(): CsiPaths {
    return new CsiPaths(this.#dataDir);
  }

  /** Where a path in /var/lib/kubelet is on this node: what programs in pods look for there. */
  ofKubelet(path: string): string {
    return moved(path, { from: kubeletDir, to: this.#dataDir });
  }

  /** The other way around: where a pod that mounts the node's folder sees what is below it. */
  inPods(path: string): string {
    return moved(path, { from: this.#dataDir, to: kubeletDir });
  }

  hostsFile(uid: string): string {
    return join(this.podDir(uid), 'etc-hosts');
  }

  terminationLog(uid: string, container: string, attempt: number): string {
    return join(this.podDir(uid), 'containers', container, `${attempt}.termination`);
  }

  /** The layout that log collectors know: `<namespace>_<name>_<uid>/<container>/<restarts>.log`. */
  logDir(pod: Pod): string {
    const { namespace, name, uid } = pod.metadata;
    return join(this.logsDir, `${namespace}_${name}_${uid}`);
  }

  logFile(pod: Pod, container: string, attempt: number): string {
    return join(this.logDir(pod), container, `${attempt}.log`);
  }
}

/** A path of one folder in another one; any other path stays as it is. */
function moved(path: string, { from, to }: { from: string; to: string }): string {
  return path === from || path.startsWith(`${from}/`) ? join(to, path.slice(from.length)) : path;
}
