import type { NetworkPolicy } from '../api/generated/types.ts';
import type { TableContent } from '../nft/table.ts';
import { PolicyBook } from './policy-book.ts';
import type { Labels, PolicyPod } from './policy-pod.ts';

export interface PolicyState {
  policies: Iterable<NetworkPolicy>;
  pods: Iterable<PolicyPod>;
  /** Labels by name. */
  namespaces: Iterable<readonly [string, Labels]>;
}

/** The table of a node for this state. What a `PolicyBook` comes to piece by piece is this, whatever the way. */
export function render(state: PolicyState, { nodeName }: { nodeName: string }): TableContent {
  const book = new PolicyBook({ nodeName });
  for (const [name, labels] of state.namespaces) book.setNamespace(name, labels);
  for (const policy of state.policies) book.setPolicy(policy);
  for (const pod of state.pods) book.setPod(pod);
  return book.takeContent();
}
