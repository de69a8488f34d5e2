import type { Container, Pod } from '../../api/generated/types.ts';
import { containerOf, ruleOf } from './pod-spec.ts';
import type { ContainerWork, PodState } from './state.ts';

/*
 * A container's end may ask for all containers of its pod to be restarted in place (KEP-5532): everything ends, then the pod
 * begins anew from its first init container, in the same sandbox. The time between two such restarts is a round. Every container
 * bears the number of its round in the runtime, so that whatever agent comes can tell which of them have still to run again.
 */

const action = 'RestartAllContainers';

/** Whether a rule of the pod can ask for that at all. */
export const mayRestartAll = ({ spec }: Pod): boolean =>
  [...(spec.initContainers ?? []), ...spec.containers].some(
    ({ restartPolicyRules }) => restartPolicyRules?.some((rule) => rule.action === action) ?? false,
  );

/** Ran in a round that is over: it runs again however it ended. Containers for debugging have no part in it. */
export const isOfOldRound = ({ round }: PodState, { role, current }: ContainerWork): boolean =>
  role !== 'ephemeral' && current !== undefined && current.round < round;

/** A container of this round has ended in the way that a rule of its own names. */
export const isRestartingAll = (state: PodState): boolean =>
  state.stage === 'syncing' &&
  mayRestartAll(state.pod) &&
  Object.values(state.containers).some((work) => asksForAll(state, work));

function asksForAll(state: PodState, work: ContainerWork): boolean {
  const { name, role, current } = work;
  if (role === 'ephemeral' || current?.state !== 'exited' || isOfOldRound(state, work)) return false;
  return ruleOf(containerOf(state.pod, name) as Container | undefined, current.exitCode)?.action === action;
}
