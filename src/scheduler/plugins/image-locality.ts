import { imageLocality } from '../../placement/scores/image-locality.ts';
import type { SchedulerPlugin } from '../plugin.ts';

export const imageLocalityPlugin: SchedulerPlugin = { name: 'ImageLocality', score: imageLocality };
