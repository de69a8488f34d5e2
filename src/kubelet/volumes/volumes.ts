import { claim } from './claim.ts';
import { configMap } from './config-map.ts';
import { csi } from './csi.ts';
import { downwardAPI } from './downward-api.ts';
import { emptyDir } from './empty-dir.ts';
import { hostPath } from './host-path.ts';
import { image } from './image.ts';
import { projected } from './projected.ts';
import { secret } from './secret.ts';
import type { VolumeKind } from './volume.ts';

/** Every kind of volume; one file and one line each. Exactly one handles a volume, so order does not matter. */
export const volumeKinds: readonly VolumeKind[] = [
  emptyDir,
  hostPath,
  configMap,
  secret,
  downwardAPI,
  projected,
  claim,
  csi,
  image,
];
