import type { Change, Elements, Transaction } from '../nft/table.ts';
import { pickChains } from './pick-chain.ts';
import type { Ruleset } from './ruleset.ts';
import { ownSets, type SetName } from './sets.ts';

/** Sets where a leftover does no harm: entries are only added, and cleared by the next full replace. */
const growOnly = new Set<SetName>(['hairpin']);

/**
 * The smallest transaction that turns a table holding `from` into one holding `to`. Chains and hairpin entries that are
 * no longer used stay: removing a chain is expensive in the kernel, and an unused one is never reached.
 */
export function diff(from: Ruleset, to: Ruleset): Transaction {
  const chains: Change[] = [];
  for (const [name, pick] of to.picks) {
    if (!from.picks.has(name)) chains.push(...pickChains(pick).map((chain) => ({ op: 'addChain', chain }) as const));
  }
  const deletes: Change[] = [];
  const adds: Change[] = [];
  for (const set of ownSets) {
    const { removed, added } = diffElements(from.elements[set], to.elements[set], !growOnly.has(set));
    if (removed.length > 0) deletes.push({ op: 'delete', set, elements: removed });
    if (added.length > 0) adds.push({ op: 'add', set, elements: added });
  }
  return [...chains, ...deletes, ...adds];
}

function diffElements(from: Elements, to: Elements, removes: boolean) {
  const removed: [string, string][] = [];
  const added: [string, string][] = [];
  // An element with another value is removed and added: nft cannot replace.
  if (removes) for (const [key, value] of from) if (to.get(key) !== value) removed.push([key, value]);
  for (const [key, value] of to) if (from.get(key) !== value) added.push([key, value]);
  return { removed, added };
}

/** `to` plus what `diff` leaves in place: what the table really holds after the transaction. */
export function afterDiff(from: Ruleset, to: Ruleset): Ruleset {
  const elements = { ...to.elements };
  for (const set of growOnly) elements[set] = new Map([...from.elements[set], ...to.elements[set]]);
  return { ...to, elements, picks: new Map([...from.picks, ...to.picks]) };
}
