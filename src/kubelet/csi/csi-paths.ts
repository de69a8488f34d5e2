import { join } from 'node:path';
import { stagingName } from '../../api/storage/csi.ts';

/**
 * Where volumes of CSI drivers lie below a node's folder: as below /var/lib/kubelet in Kubernetes, for drivers that read such
 * paths.
 */
export class CsiPaths {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  get podsDir(): string {
    return join(this.#root, 'pods');
  }

  /** Below it: a folder for each driver, and in that one for each staged volume. */
  get stagedDir(): string {
    return join(this.#root, 'plugins', 'kubernetes.io', 'csi');
  }

  /** The folder of a volume that is or was staged, with its record. */
  stagedVolume(driver: string, handle: string): string {
    return join(this.stagedDir, driver, stagingName(handle));
  }

  staging(driver: string, handle: string): string {
    return join(this.stagedVolume(driver, handle), 'globalmount');
  }

  /** Of a device; `name` is the PersistentVolume's. */
  blockStaging(name: string): string {
    return join(this.stagedDir, 'volumeDevices', 'staging', name);
  }

  /** A file for each pod that has the device. */
  blockTarget(podUid: string, name: string): string {
    return join(this.stagedDir, 'volumeDevices', 'publish', name, podUid);
  }

  /** Below it: a folder for each volume of the pod, with its record. */
  podVolumesDir(podUid: string): string {
    return join(this.podsDir, podUid, 'volumes', 'kubernetes.io~csi');
  }

  /** `name` is the PersistentVolume's, or that of the volume in the pod's spec. */
  podVolume(podUid: string, name: string): string {
    return join(this.podVolumesDir(podUid), name);
  }

  target(podUid: string, name: string): string {
    return join(this.podVolume(podUid, name), 'mount');
  }
}
