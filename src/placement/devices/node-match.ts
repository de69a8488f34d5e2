import type { Node, NodeSelector, NodeSelectorRequirement } from '../../api/generated/types.ts';
import { admission, isEmptyTerm } from '../node-selector.ts';

/** Whether a node is selected, for selectors that are not asked of many nodes. */
export const matchesNodeSelector = ({ nodeSelectorTerms }: NodeSelector, node: Node): boolean =>
  nodeSelectorTerms.some(
    (term) =>
      !isEmptyTerm(term) &&
      (term.matchExpressions ?? []).every((one) => holds(one, node.metadata.labels?.[one.key])) &&
      (term.matchFields ?? []).every((one) => holds(one, node.metadata.name)),
  );

const holds = (requirement: NodeSelectorRequirement, value: string | undefined): boolean =>
  admission(requirement)(value);
