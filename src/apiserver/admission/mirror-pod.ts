import type { Pod } from '../../api/generated/types.ts';

export const mirrorAnnotation = 'kubernetes.io/config.mirror';

/** A pod that a node runs from a file and only shows to the API. */
export const isMirrorPod = (pod: Pod): boolean => pod.metadata.annotations?.[mirrorAnnotation] !== undefined;
