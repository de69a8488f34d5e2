import { nodes } from '../../api/generated/resources.ts';
import type { Pod } from '../../api/generated/types.ts';
import { compareQuantity, parseQuantity } from '../../api/meta/quantity.ts';
import { definePlugin, refused } from './plugin.ts';

type Change = (old: Readonly<Pod>, pod: Pod) => boolean;

/** What a change of a pod needs its node to declare, by feature (KEP-5328). */
const needed: Record<string, Change> = {
  GuaranteedQoSPodCPUResize: (old, pod) => old.status?.qosClass === 'Guaranteed' && changesCpu(old, pod),
  InPlacePodLevelResourcesVerticalScaling: (old, pod) => isOther(old.spec.resources, pod.spec.resources),
  InPlacePodVerticalScalingInitContainers: (old, pod) =>
    (pod.spec.initContainers ?? []).some(
      ({ restartPolicy, resources }, i) =>
        restartPolicy !== 'Always' && isOther(old.spec.initContainers?.[i]?.resources, resources),
    ),
};

const isOther = (before: object | undefined, now: object | undefined): boolean =>
  JSON.stringify(before ?? {}) !== JSON.stringify(now ?? {});

const cpuOf = ({ spec }: Readonly<Pod>, i: number) =>
  parseQuantity(spec.containers[i]?.resources?.requests?.cpu ?? '0');

const changesCpu: Change = (old, pod) =>
  old.spec.containers.some((_, i) => compareQuantity(cpuOf(old, i), cpuOf(pod, i)) !== 0);

/** A pod on a node is changed in no way that the node does not know of. */
export const nodeDeclaredFeatureValidator = definePlugin<Pod>({
  name: 'NodeDeclaredFeatureValidator',
  verbs: ['update'],
  resources: ['pods', 'pods/resize'],
  validate(context) {
    const [pod, old] = [context.object as Pod, context.old as Pod];
    const { nodeName } = pod.spec;
    if (!nodeName || pod.metadata.generation === old.metadata.generation) return;
    const features = Object.keys(needed).filter((feature) => needed[feature]?.(old, pod));
    if (features.length === 0) return;
    const node = context.read.get(nodes, '', nodeName);
    if (!node) throw refused(context, `node ${JSON.stringify(nodeName)} not found`);
    const missing = features.filter((feature) => !node.status?.declaredFeatures?.includes(feature));
    if (missing.length === 0) return;
    throw refused(
      context,
      `pod update requires features ${missing.join(', ')} which are not available on node ${JSON.stringify(nodeName)}`,
    );
  },
});
