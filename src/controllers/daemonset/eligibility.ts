import type { DaemonSet, Pod } from '../../api/generated/types.ts';
import { nodeAffinity } from '../../placement/filters/node-affinity.ts';
import { nodeName } from '../../placement/filters/node-name.ts';
import { taintsTolerated } from '../../placement/filters/taints.ts';
import type { Snapshot } from '../../placement/snapshot.ts';
import { tolerates } from '../../placement/taints.ts';
import { daemonSpec } from './daemon-pod.ts';

export interface Eligibility {
  shouldRun: boolean;
  /** A pod that is there already may stay: only NoExecute taints drive it away. */
  mayStay: boolean;
}

/** By node name: where the daemons of the set belong. Asks the same filters as the scheduler; resources are its concern. */
export function eligibility(snapshot: Snapshot, set: DaemonSet): Map<string, Eligibility> {
  const spec = daemonSpec(set.spec.template);
  const request = { snapshot, pod: { metadata: { name: '' }, spec } as Pod, requirement: snapshot.requirementOf(spec) };
  const [named, affine, tolerated] = [nodeName, nodeAffinity, taintsTolerated].map((f) => f.prepare(request));
  const answers = new Map<string, Eligibility>();
  for (const slot of snapshot.slots.subarray(0, snapshot.size)) {
    const info = snapshot.node(slot);
    if (!info) continue;
    const isSelected = (named?.passes(slot) ?? true) && (affine?.passes(slot) ?? true);
    const shouldRun = isSelected && (tolerated?.passes(slot) ?? true);
    const driveAway = () => info.node.spec?.taints?.filter((t) => t.effect === 'NoExecute') ?? [];
    const mayStay = shouldRun || (isSelected && driveAway().every((t) => tolerates(spec.tolerations ?? [], t)));
    answers.set(info.name, { shouldRun, mayStay });
  }
  return answers;
}
