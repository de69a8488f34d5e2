import { asksForExtended } from '../../placement/devices/extended-claims.ts';
import { resourcesFitWithout } from '../../placement/filters/resources.ts';
import { allocation, type ScoringStrategy } from '../../placement/scores/allocation.ts';
import { forAll, nodeWouldDo } from '../hints.ts';
import type { SchedulerPlugin } from '../plugin.ts';

/** NodeResourcesFitArgs (kubescheduler.config.k8s.io/v1). */
interface Args {
  ignoredResources?: readonly string[];
  ignoredResourceGroups?: readonly string[];
  scoringStrategy?: ScoringStrategy;
}

export const nodeResourcesFit: SchedulerPlugin = make({});

function make({ ignoredResources = [], ignoredResourceGroups = [], scoringStrategy }: Args): SchedulerPlugin {
  const isIgnored = (name: string) =>
    ignoredResources.includes(name) || ignoredResourceGroups.includes(name.split('/')[0] as string);
  const filter = resourcesFitWithout((name) => name.includes('/') && isIgnored(name));
  return {
    name: 'NodeResourcesFit',
    filter,
    score: allocation(scoringStrategy),
    hints: {
      ...forAll(nodeWouldDo(filter), 'node.added', 'node.allocatable', 'pod.deleted', 'pod.updated'),
      // A class of devices may stand for what no node has.
      'device.changed': ({ pod, snapshot }) => asksForExtended(snapshot.devices, pod),
    },
    configure: (args) => make(args),
  };
}
