import type { SetShape } from '../nft/table.ts';

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
  /** Frontends that not everybody may come to, and who may. */
  guarded: { key: frontend },
  sources: { key: [...frontend, 'ipv4_addr'], interval: true },
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
