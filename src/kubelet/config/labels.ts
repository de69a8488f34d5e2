/** The labels and annotations by which a later agent recognises what an earlier one made. They are the kubelet's own names. */
export const podNameLabel = 'io.kubernetes.pod.name';
export const podNamespaceLabel = 'io.kubernetes.pod.namespace';
export const podUidLabel = 'io.kubernetes.pod.uid';
export const containerNameLabel = 'io.kubernetes.container.name';

export const restartCountAnnotation = 'io.kubernetes.container.restartCount';
export const hashAnnotation = 'io.kubernetes.container.hash';
export const terminationPathAnnotation = 'io.kubernetes.container.terminationMessagePath';
export const terminationPolicyAnnotation = 'io.kubernetes.container.terminationMessagePolicy';
export const gracePeriodAnnotation = 'io.kubernetes.pod.terminationGracePeriod';
/** How often all containers of the pod had been restarted in place when this one was made. */
export const roundAnnotation = 'io.kubernetes.container.round';
/** The image's name as the pod gives it: the runtime is told an id. */
export const imageAnnotation = 'io.kubernetes.container.image';
