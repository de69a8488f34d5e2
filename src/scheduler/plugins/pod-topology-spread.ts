import type { TopologySpreadConstraint } from '../../api/generated/types.ts';
import { topologySpreadWith } from '../../placement/filters/topology-spread.ts';
import { preferredSpreadWith } from '../../placement/scores/topology-spread.ts';
import { type SpreadDefaults, systemSpreadDefaults } from '../../placement/spread-constraints.ts';
import { spreadHints } from '../hints.ts';
import type { SchedulerPlugin } from '../plugin.ts';

/** PodTopologySpreadArgs (kubescheduler.config.k8s.io/v1). */
interface Args {
  defaultConstraints?: readonly TopologySpreadConstraint[];
  defaultingType?: 'System' | 'List';
}

export const podTopologySpread: SchedulerPlugin = make(systemSpreadDefaults);

function make(defaults: SpreadDefaults): SchedulerPlugin {
  return {
    name: 'PodTopologySpread',
    filter: topologySpreadWith(defaults),
    score: preferredSpreadWith(defaults),
    weight: 2,
    hints: spreadHints,
    configure: ({ defaultConstraints = [], defaultingType = 'System' }: Args) =>
      make(defaultingType === 'List' ? { constraints: defaultConstraints } : systemSpreadDefaults),
  };
}
