import { taintsTolerated } from '../../placement/filters/taints.ts';
import { preferredTaints } from '../../placement/scores/preferred-taints.ts';
import { forAll, nodeWouldDo } from '../hints.ts';
import type { SchedulerPlugin } from '../plugin.ts';

export const taintToleration: SchedulerPlugin = {
  name: 'TaintToleration',
  filter: taintsTolerated,
  score: preferredTaints,
  weight: 3,
  hints: forAll(nodeWouldDo(taintsTolerated), 'node.added', 'node.taints'),
};
