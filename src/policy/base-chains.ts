import type { Chain, Rule, SetShape } from '../nft/table.ts';
import type { Direction } from './compile.ts';

/** What is in every table. Pods that are not in the maps are not restricted. */
export const fixedSets = {
  /** Pods of this node that a policy selects, to the chain of all policies that do. */
  ingress: { key: ['ipv4_addr'], value: 'verdict' },
  egress: { key: ['ipv4_addr'], value: 'verdict' },
  /** The same pods, twice: nothing keeps a pod from itself, also by way of a service. */
  itself: { key: ['ipv4_addr', 'ipv4_addr'] },
} as const satisfies Record<string, SetShape>;

const goesOn: Rule = [{ match: 'knownFlow' }, { end: 'verdict', verdict: 'accept' }];
const itself: Rule = [
  { match: 'set', key: ['ip saddr', 'ip daddr'], in: 'itself' },
  { end: 'verdict', verdict: 'accept' },
];

/**
 * Behind the translation of services, before any masquerading: both ends of a packet are who they really are. Each direction
 * has a base chain of its own, so that what one accepts still has to pass the other. What the node itself sends (probes) is
 * in no hook of these.
 */
export const baseChains: readonly Chain[] = [
  {
    name: 'leave-pod',
    base: { type: 'filter', hook: 'forward', priority: 0 },
    rules: [goesOn, itself, [{ end: 'verdictFrom', key: ['ip saddr'], map: 'egress' }]],
  },
  {
    name: 'enter-pod',
    base: { type: 'filter', hook: 'forward', priority: 1 },
    rules: [goesOn, itself, [{ end: 'verdictFrom', key: ['ip daddr'], map: 'ingress' }]],
  },
  {
    name: 'leave-pod-to-node',
    base: { type: 'filter', hook: 'input', priority: 0 },
    rules: [goesOn, [{ end: 'verdictFrom', key: ['ip saddr'], map: 'egress' }]],
  },
];

export const directions: readonly Direction[] = ['ingress', 'egress'];
