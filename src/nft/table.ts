import type { Range } from '../base/ranges.ts';

/**
 * An nftables table as typed objects: what `text.ts` prints and the tests' packet tracer walks. Only the parts of
 * nftables that knarr uses.
 */

export type Field = 'ip saddr' | 'ip daddr' | 'meta l4proto' | 'th dport' | 'meta mark';

export type Verdict = 'accept' | 'drop' | 'return' | `goto ${string}` | `jump ${string}`;

/** A statement of a rule. A `match` that fails, or a lookup that finds nothing, ends the rule; the next one is tried. */
export type Statement =
  | { match: 'address'; field: 'ip saddr' | 'ip daddr'; block: string; negate?: boolean }
  /** One of the ranges of addresses (as numbers), which do not overlap. */
  | { match: 'addressIn'; field: 'ip saddr' | 'ip daddr'; ranges: readonly Range[] }
  /** One of the ranges of destination ports, which do not overlap. */
  | { match: 'portIn'; protocol: string; ranges: readonly Range[] }
  | { match: 'set'; key: readonly Field[]; in: string; negate?: boolean }
  /** The destination of this flow was translated. */
  | { match: 'translated' }
  /** The flow's first packet is this one. */
  | { match: 'newFlow' }
  /** An answer, a later packet of a flow that was let through, or an error about one. */
  | { match: 'knownFlow' }
  /** The source is an address of this machine. */
  | { match: 'localSource' }
  | { match: 'notLeavingBy'; device: string }
  | { match: 'transport' }
  /** The flow carries the bit that `keepSource` sets. */
  | { match: 'sourceKept' }
  /** mark = offset + a random number below `size`. */
  | { set: 'randomSlot'; size: number; offset: number }
  | { set: 'markFrom'; key: readonly Field[]; map: string }
  | { set: 'keepSource' }
  /** Adds or refreshes the element `key : mark` of a map that the packets themselves fill. */
  | { set: 'remember'; key: readonly Field[]; map: string; timeoutSeconds: number }
  | { set: 'forget'; key: readonly Field[]; map: string }
  | { end: 'translate'; key: readonly Field[]; map: string }
  | { end: 'masquerade' }
  | { end: 'reject' }
  | { end: 'verdict'; verdict: Verdict }
  | { end: 'verdictFrom'; key: readonly Field[]; map: string };

export type Rule = readonly Statement[];

export type Hook = 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting';

export interface Chain {
  name: string;
  /** Where the kernel enters; absent for chains reached only by jump and goto. */
  base?: { type: 'nat' | 'filter'; hook: Hook; priority: number };
  rules: readonly Rule[];
}

/** What a set or map is keyed by, as nft names the types; `value` makes it a map. */
export interface SetShape {
  key: readonly string[];
  value?: readonly string[] | 'verdict';
  /** Keys are ranges, `10.0.0.0/8 . tcp`; they must not overlap. */
  interval?: boolean;
  /** Filled by packets, bounded; elements live this long unless the rule says otherwise. */
  dynamic?: { size: number; timeoutSeconds: number };
}

/** Elements of a set as nft writes them, key to value; plain sets have empty values. */
export type Elements = ReadonlyMap<string, string>;

/** All that a table holds. A chain names only chains before it. */
export interface TableContent {
  sets: Readonly<Record<string, SetShape>>;
  chains: readonly Chain[];
  /** Of the sets that are not filled by packets. */
  elements: Readonly<Record<string, Elements>>;
}

export type Change =
  | { op: 'addSet'; set: string; shape: SetShape }
  | { op: 'addChain'; chain: Chain }
  | { op: 'delete' | 'add'; set: string; elements: readonly (readonly [key: string, value: string])[] }
  /** Of a chain or set that nothing names any more. */
  | { op: 'deleteChain' | 'deleteSet'; name: string };

/** Changes that nft applies together or not at all. */
export type Transaction = readonly Change[];
