import { frontendKey, pickChains, preparedPicks } from './pick-chain.ts';
import type { Chain, Rule } from '../nft/table.ts';

/** What of the cluster's addressing the fixed chains depend on. */
export interface Addressing {
  /** All pods of the cluster: their traffic keeps its source inside, and is masqueraded when it leaves. */
  podCIDR: string;
  /** All ClusterIPs. Packets to one that no service took are refused instead of wandering between default routes. */
  serviceCIDR?: string;
}

const fromPods = (addressing: Addressing): Rule => [{ match: 'address', field: 'ip saddr', block: addressing.podCIDR }];

function serviceChain(addressing: Addressing): Chain {
  return {
    name: 'services',
    rules: [
      [...fromPods(addressing), { end: 'verdictFrom', key: frontendKey, map: 'shortcuts' }],
      [{ match: 'localSource' }, { end: 'verdictFrom', key: frontendKey, map: 'shortcuts' }],
      [{ match: 'set', key: frontendKey, in: 'keep-source' }, { set: 'keepSource' }],
      [{ end: 'verdictFrom', key: frontendKey, map: 'services' }],
    ],
  };
}

function sourceRules({ podCIDR }: Addressing): Rule[] {
  const outsidePods = { match: 'address', block: podCIDR, negate: true } as const;
  return [
    [{ match: 'translated' }, { match: 'set', key: ['ip saddr', 'ip daddr'], in: 'hairpin' }, { end: 'masquerade' }],
    [{ match: 'translated' }, { match: 'sourceKept' }, { end: 'verdict', verdict: 'accept' }],
    [{ match: 'translated' }, { ...outsidePods, field: 'ip saddr' }, { end: 'masquerade' }],
    [...fromPods({ podCIDR }), { ...outsidePods, field: 'ip daddr' }, { end: 'masquerade' }],
  ];
}

/** The chains every table has, in an order in which each only names chains before it. */
export function baseChains(addressing: Addressing): Chain[] {
  const toServices: Rule[] = [[{ end: 'verdict', verdict: 'jump services' }]];
  const refuse: Rule = [{ match: 'newFlow' }, { end: 'verdictFrom', key: frontendKey, map: 'no-endpoints' }];
  // The cluster DNS listens on a service address on `lo`: packets to it never leave.
  const stray: Rule[] = addressing.serviceCIDR
    ? [
        [
          { match: 'notLeavingBy', device: 'lo' },
          { match: 'address', field: 'ip daddr', block: addressing.serviceCIDR },
          { end: 'verdict', verdict: 'goto refuse' },
        ],
      ]
    : [];
  // Every packet of a flow, and before it is translated: who was cut off is cut off at once.
  const guard: Rule = [
    { match: 'set', key: frontendKey, in: 'guarded' },
    { match: 'set', key: [...frontendKey, 'ip saddr'], in: 'sources', negate: true },
    { end: 'verdict', verdict: 'drop' },
  ];
  const picks = Array.from({ length: preparedPicks }, (_, i) => pickChains({ size: i + 1, offset: 0 })).flat();
  return [
    { name: 'refuse', rules: [[{ end: 'reject' }]] },
    ...picks,
    serviceChain(addressing),
    { name: 'guard-prerouting', base: { type: 'filter', hook: 'prerouting', priority: -110 }, rules: [guard] },
    { name: 'guard-output', base: { type: 'filter', hook: 'output', priority: -110 }, rules: [guard] },
    // nft 1.0.6 refuses the name `dstnat` for the output hook, hence numbers.
    { name: 'nat-prerouting', base: { type: 'nat', hook: 'prerouting', priority: -100 }, rules: toServices },
    { name: 'nat-output', base: { type: 'nat', hook: 'output', priority: -100 }, rules: toServices },
    {
      name: 'nat-postrouting',
      base: { type: 'nat', hook: 'postrouting', priority: 100 },
      rules: sourceRules(addressing),
    },
    { name: 'filter-input', base: { type: 'filter', hook: 'input', priority: -5 }, rules: [refuse] },
    { name: 'filter-forward', base: { type: 'filter', hook: 'forward', priority: -5 }, rules: [refuse, ...stray] },
    { name: 'filter-output', base: { type: 'filter', hook: 'output', priority: -5 }, rules: [refuse, ...stray] },
  ];
}
