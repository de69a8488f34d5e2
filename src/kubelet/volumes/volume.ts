import type { PersistentVolume, PersistentVolumeClaim, Pod, Volume } from '../../api/generated/types.ts';
import type { Clock } from '../../base/clock.ts';
import type { Rng } from '../../base/rng.ts';
import type { RunCommand } from '../../host/command.ts';
import type { ReferencedObjects } from '../config/env.ts';
import type { FieldContext } from '../config/field-ref.ts';
import type { CsiVolumes } from '../csi/csi-volumes.ts';
import type { ImageMounts } from './image-mounts.ts';
import type { TokenSource } from './token-source.ts';
import { PrepareError } from '../hooks/prepare-error.ts';

/** Reads claims and volumes as they are now; undefined when there is none of that name. */
export interface ClaimReader {
  claim(namespace: string, name: string): Promise<PersistentVolumeClaim | undefined>;
  volume(name: string): Promise<PersistentVolume | undefined>;
}

export interface VolumeDeps {
  clock: Clock;
  rng: Rng;
  run: RunCommand;
  objects: ReferencedObjects;
  tokens: TokenSource;
  claims: ClaimReader;
  /** Volumes of CSI drivers. */
  csi: Pick<CsiVolumes, 'mount' | 'expand' | 'refreshAtMs' | 'teardown'>;
  /** Volumes of images. */
  imageMounts: Pick<ImageMounts, 'mount' | 'teardown'>;
  /** Where the data of a volume of the built-in storage lie. */
  localVolumeDir(name: string): string;
  /** Where a path of the node is on this machine: several nodes may share it. */
  nodePath(path: string): string;
  nodeName: string;
  /** What the pod's object does not say of itself. */
  fieldsOf(pod: Pod): FieldContext;
}

export interface VolumeInput {
  pod: Pod;
  volume: Volume;
  /** A folder of its own on disk; not made yet. */
  diskDir: string;
  /** A folder of its own in memory: what must not reach the disk. Not made yet. */
  memoryDir: string;
  /** It has been made ready before, and the pod may be using it. */
  isReady: boolean;
  /** The pod does not need it any more: what only waits rejects. */
  signal?: AbortSignal | undefined;
}

/** A volume could not be made ready. */
export class MountError extends PrepareError {
  override readonly name = 'MountError';

  constructor(
    message: string,
    { reason = 'FailedMount', ...options }: ErrorOptions & { reason?: string | undefined } = {},
  ) {
    super(message, { reason, ...options });
  }
}

/**
 * A kind of volume. `prepare` may run again on a prepared volume, also while containers use it: it is how changes of the
 * referenced objects arrive. Taking down is the same for all: CSI drivers undo what they did and images are let go, then what is mounted
 * below the volumes' folders is unmounted, and the folders go.
 */
export interface VolumeKind {
  readonly name: string;
  /** Containers never write to it, whatever their mount says. */
  readonly isReadOnly?: boolean;
  handles(volume: Volume): boolean;
  /** Makes it ready; answers the path on the node to mount. Throws in words for the FailedMount event. */
  prepare(input: VolumeInput, deps: VolumeDeps): Promise<string>;
  /**
   * Before each creation of a container that mounts it, when the container's images are there; may run again and at once for
   * several containers. Throws `ConfigError`.
   */
  fill?(input: VolumeInput, deps: VolumeDeps): Promise<void>;
  /** When its content grows old by itself; epoch milliseconds. */
  refreshAtMs?(input: Pick<VolumeInput, 'pod' | 'volume'>, deps: VolumeDeps): number | undefined;
}
