import type { NodeAffinity } from '../../api/generated/types.ts';
import { nodeAffinity, nodeAffinityWith } from '../../placement/filters/node-affinity.ts';
import { preferredAffinity, preferredAffinityWith } from '../../placement/scores/preferred-affinity.ts';
import { forAll, nodeWouldDo } from '../hints.ts';
import type { SchedulerPlugin } from '../plugin.ts';

export const nodeAffinityPlugin: SchedulerPlugin = make({});

/** NodeAffinityArgs (kubescheduler.config.k8s.io/v1). */
function make({ addedAffinity }: { addedAffinity?: NodeAffinity }): SchedulerPlugin {
  const required = addedAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const preferred = addedAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  const filter = required ? nodeAffinityWith(required) : nodeAffinity;
  return {
    name: 'NodeAffinity',
    filter,
    score: preferred.length > 0 ? preferredAffinityWith(preferred) : preferredAffinity,
    weight: 2,
    hints: forAll(nodeWouldDo(filter), 'node.added', 'node.labels'),
    configure: (args) => make(args),
  };
}
