import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import { unmountBelow } from '../../cri/mounts.ts';

/** Unmounts whatever pods of a stopped node still have mounted below its folder. */
export async function removeMounts(dir: string, _deps: { clock: Clock; log: Logger }): Promise<void> {
  await unmountBelow(dir);
}
