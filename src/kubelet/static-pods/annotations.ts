import type { Pod } from '../../api/generated/types.ts';

/** On what a node runs from a file: what the file says, in short; when it was seen; that it is from a file. */
export const hashAnnotation = 'kubernetes.io/config.hash';
export const seenAnnotation = 'kubernetes.io/config.seen';
export const sourceAnnotation = 'kubernetes.io/config.source';
/** On the pod in the API that stands for it: its hash. */
export const mirrorAnnotation = 'kubernetes.io/config.mirror';

export const isMirror = (pod: Pod): boolean => pod.metadata.annotations?.[mirrorAnnotation] !== undefined;

export const isStatic = (pod: Pod): boolean =>
  (pod.metadata.annotations?.[sourceAnnotation] ?? 'api') !== 'api' && !isMirror(pod);
