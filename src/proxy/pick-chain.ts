import type { Chain, Field, Rule } from '../nft/table.ts';

/** How a packet's endpoint is picked: one of `size` slots from `offset`, and for how long a client then sticks to it. */
export interface Pick {
  size: number;
  offset: number;
  /** Session affinity; absent without. */
  stickySeconds?: number;
}

/** Plain chains for up to this many endpoints are always there; all others are made when first needed. */
export const preparedPicks = 64;

export const frontendKey: readonly Field[] = ['ip daddr', 'meta l4proto', 'th dport'];
const slotKey: readonly Field[] = [...frontendKey, 'meta mark'];
const clientKey: readonly Field[] = ['ip saddr', ...frontendKey];

/** `pick-4`, `pick-4-from-8192`, `pick-4-sticky-600`. */
export function pickName(pick: Pick): string {
  const from = pick.offset > 0 ? `-from-${pick.offset}` : '';
  const sticky = pick.stickySeconds === undefined ? '' : `-sticky-${pick.stickySeconds}`;
  return `pick-${pick.size}${from}${sticky}`;
}

/** The endpoint behind frontend and mark; falls through when there is none. */
export const translate: Rule = [{ match: 'transport' }, { end: 'translate', key: slotKey, map: 'endpoints' }];

/**
 * The chains of a pick. A sticky client is remembered by its endpoint's token, not by a slot: slots move when endpoints
 * go, tokens do not. A remembered endpoint that is gone finds no translation, so the client is forgotten and picks anew;
 * no packet can meet a stale entry, whatever the order of packets and updates.
 */
export function pickChains(pick: Pick): Chain[] {
  const name = pickName(pick);
  const randomSlot: Rule = [{ set: 'randomSlot', size: pick.size, offset: pick.offset }];
  if (pick.stickySeconds === undefined) return [{ name, rules: [randomSlot, translate] }];
  const fresh = `${name}-fresh`;
  const again = `${name}-again`;
  const timeoutSeconds = pick.stickySeconds;
  const remember: Rule = [{ set: 'remember', key: clientKey, map: 'affinity', timeoutSeconds }];
  return [
    { name: fresh, rules: [randomSlot, [{ set: 'markFrom', key: slotKey, map: 'tokens' }], remember, translate] },
    {
      name: again,
      rules: [
        remember,
        translate,
        [{ set: 'forget', key: clientKey, map: 'affinity' }],
        [{ end: 'verdict', verdict: `goto ${fresh}` }],
      ],
    },
    {
      name,
      rules: [
        [
          { set: 'markFrom', key: clientKey, map: 'affinity' },
          { end: 'verdict', verdict: `goto ${again}` },
        ],
        [{ end: 'verdict', verdict: `goto ${fresh}` }],
      ],
    },
  ];
}
