/**
 * The nftables table as typed objects: what `nft-text.ts` prints and the tests' packet tracer walks. Only the parts of
 * nftables that the service proxy uses.
 */

export type Field = 'ip saddr' | 'ip daddr' | 'meta l4proto' | 'th dport' | 'meta mark';

export type Verdict = 'accept' | 'drop' | 'return' | `goto ${string}` | `jump ${string}`;

/** A statement of a rule. A `match` that fails, or a lookup that finds nothing, ends the rule; the next one is tried. */
export type Statement =
  | { match: 'address'; field: 'ip saddr' | 'ip daddr'; block: string; negate?: boolean }
  | { match: 'set'; key: readonly Field[]; set: SetName }
  /** The destination of this flow was translated. */
  | { match: 'translated' }
  /** The flow's first packet is this one. */
  | { match: 'newFlow' }
  /** The source is an address of this machine. */
  | { match: 'localSource' }
  | { match: 'notLeavingBy'; device: string }
  | { match: 'transport' }
  /** The flow carries the bit that `keepSource` sets. */
  | { match: 'sourceKept' }
  /** mark = offset + a random number below `size`. */
  | { set: 'randomSlot'; size: number; offset: number }
  | { set: 'markFrom'; key: readonly Field[]; map: SetName }
  | { set: 'keepSource' }
  /** Adds or refreshes the element `key : mark` of a map that the packets themselves fill. */
  | { set: 'remember'; key: readonly Field[]; map: SetName; timeoutSeconds: number }
  | { set: 'forget'; key: readonly Field[]; map: SetName }
  | { end: 'translate'; key: readonly Field[]; map: SetName }
  | { end: 'masquerade' }
  | { end: 'reject' }
  | { end: 'verdict'; verdict: Verdict }
  | { end: 'verdictFrom'; key: readonly Field[]; map: SetName };

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
  /** Filled by packets, bounded; elements live this long unless the rule says otherwise. */
  dynamic?: { size: number; timeoutSeconds: number };
}

const frontend = ['ipv4_addr', 'inet_proto', 'inet_service'];

/** Every set and map of the table. What a service needs is elements of these, never a rule. */
export const sets = {
  /** Frontend (address, protocol, port) to the chain that picks one of its endpoints. */
  services: { key: frontend, value: 'verdict' },
  /** The same for traffic from pods and from this node where outsiders only get this node's endpoints. */
  shortcuts: { key: frontend, value: 'verdict' },
  /** Frontends without endpoints: refused, or dropped when other nodes have some. */
  'no-endpoints': { key: frontend, value: 'verdict' },
  /** Frontend and slot (or token) to the endpoint. */
  endpoints: { key: [...frontend, 'mark'], value: ['ipv4_addr', 'inet_service'] },
  /** Frontend and slot to the endpoint's token, for frontends with session affinity. */
  tokens: { key: [...frontend, 'mark'], value: ['mark'] },
  /** Frontends whose endpoints must see the client's address. */
  'keep-source': { key: frontend },
  /** Endpoints of this node, twice: a pod that reached itself through a service needs another source address. */
  hairpin: { key: ['ipv4_addr', 'ipv4_addr'] },
  /** Client and frontend to the token of the endpoint it sticks to. */
  affinity: {
    key: ['ipv4_addr', ...frontend],
    value: ['mark'],
    dynamic: { size: 65_536, timeoutSeconds: 10_800 },
  },
} as const satisfies Record<string, SetShape>;

export type SetName = keyof typeof sets;

/** The sets whose content is ours; `affinity` belongs to the packets. */
export const ownSets = (Object.keys(sets) as SetName[]).filter((name) => !('dynamic' in sets[name]));
