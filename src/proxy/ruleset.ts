import type { EndpointSlice, Service } from '../api/generated/types.ts';
import { keyOf, keyText } from '../api/resource.ts';
import { parseIPv4 } from '../base/ipv4.ts';
import type { TableContent } from '../nft/table.ts';
import { type Addressing, baseChains } from './base-chains.ts';
import { type Frontend, frontendsOf, mayHairpin, type ProxyEndpoint, type ProxyNode } from './frontend.ts';
import { type Pick, pickChains, pickName, preparedPicks } from './pick-chain.ts';
import { assignSlots } from './slots.ts';
import { ownSets, type SetName, sets } from './sets.ts';

/** Everything the table holds beyond its fixed chains. */
export interface Ruleset {
  addressing: Addressing;
  /** Chains beyond the prepared ones, by name. */
  picks: Map<string, Pick>;
  elements: Record<SetName, Map<string, string>>;
  /** Which endpoint has which slot, per frontend and offset: what the next `render` starts from. */
  slots: Map<string, string[]>;
}

export interface ServiceState {
  services: Iterable<Service>;
  endpointSlices: Iterable<EndpointSlice>;
}

/** Slots of shortcuts start here, so both kinds share one map. More endpoints than this per frontend are left out. */
export const shortcutOffset = 8192;

export const serviceNameLabel = 'kubernetes.io/service-name';

export function emptyRuleset(addressing: Addressing): Ruleset {
  const elements = Object.fromEntries(ownSets.map((name) => [name, new Map()]));
  return { addressing, picks: new Map(), elements: elements as Ruleset['elements'], slots: new Map() };
}

/** The whole table. The picks come first: nothing names a chain that follows it. */
export function contentOf({ addressing, picks, elements }: Ruleset): TableContent {
  const chains = [...[...picks.values()].flatMap(pickChains), ...baseChains(addressing)];
  return { sets, chains, elements: Object.fromEntries(ownSets.map((set) => [set, elements[set]])) };
}

/**
 * What the node's table must hold for these services. `previous` (the ruleset now in place) only keeps slots where they
 * are, so that the difference stays small. Two services with the same frontend: the first by name wins.
 */
export function render(state: ServiceState, node: ProxyNode, previous?: Ruleset): Ruleset {
  const slicesOf = new Map<string, EndpointSlice[]>();
  for (const slice of state.endpointSlices) {
    const service = slice.metadata.labels?.[serviceNameLabel];
    if (!service) continue;
    const key = keyText({ namespace: slice.metadata.namespace, name: service });
    const slices = slicesOf.get(key);
    if (slices) slices.push(slice);
    else slicesOf.set(key, [slice]);
  }
  const { podCIDR, serviceCIDR } = node;
  const ruleset = emptyRuleset({ podCIDR, ...(serviceCIDR ? { serviceCIDR } : {}) });
  const services = Array.from(state.services, (service) => ({ key: keyText(keyOf(service)), service }));
  services.sort((a, b) => (a.key < b.key ? -1 : 1));
  const rendering = { ruleset, node, previous };
  for (const { key, service } of services) {
    for (const frontend of frontendsOf(service, slicesOf.get(key) ?? [], node)) addFrontend(rendering, frontend);
  }
  return ruleset;
}

interface Rendering {
  ruleset: Ruleset;
  node: ProxyNode;
  previous: Ruleset | undefined;
}

function addFrontend(rendering: Rendering, frontend: Frontend): void {
  const { elements } = rendering.ruleset;
  const key = `${frontend.address} . ${frontend.protocol} . ${frontend.port}`;
  if (elements.services.has(key) || elements['no-endpoints'].has(key)) return;
  if (frontend.sources) {
    elements.guarded.set(key, '');
    for (const source of frontend.sources) elements.sources.set(`${key} . ${source}`, '');
  }
  if (frontend.endpoints.length === 0) {
    elements['no-endpoints'].set(key, frontend.othersHaveEndpoints ? 'drop' : 'goto refuse');
  } else {
    elements.services.set(key, addEndpoints(rendering, frontend, { key, endpoints: frontend.endpoints, offset: 0 }));
    if (frontend.keepSource) elements['keep-source'].set(key, '');
  }
  if (frontend.shortcut && frontend.shortcut.length > 0) {
    const shortcut = { key, endpoints: frontend.shortcut, offset: shortcutOffset };
    elements.shortcuts.set(key, addEndpoints(rendering, frontend, shortcut));
  }
}

/** Adds the elements of one frontend's endpoints; the answer is the verdict that picks among them. */
function addEndpoints(
  { ruleset, node, previous }: Rendering,
  { stickySeconds }: Frontend,
  { key, endpoints, offset }: { key: string; endpoints: readonly ProxyEndpoint[]; offset: number },
): string {
  const { elements } = ruleset;
  const served = endpoints.slice(0, shortcutOffset);
  for (const endpoint of served) {
    if (mayHairpin(endpoint, node)) elements.hairpin.set(`${endpoint.address} . ${endpoint.address}`, '');
  }
  const slotsKey = `${key} . ${offset}`;
  const texts = served.map((e) => `${e.address} . ${e.port}`);
  const slots = assignSlots(previous?.slots.get(slotsKey) ?? [], texts);
  ruleset.slots.set(slotsKey, slots);
  for (const [i, endpoint] of slots.entries()) {
    const slot = `${key} . ${offset + i}`;
    if (stickySeconds === undefined) {
      elements.endpoints.set(slot, endpoint);
      continue;
    }
    const token = tokenOf(endpoint);
    elements.tokens.set(slot, String(token));
    // Two ports on one address share a token: the first is used. Slots never reach the value of an address.
    if (!elements.endpoints.has(`${key} . ${token}`)) elements.endpoints.set(`${key} . ${token}`, endpoint);
  }
  const pick: Pick = { size: slots.length, offset, ...(stickySeconds === undefined ? {} : { stickySeconds }) };
  const isPrepared = stickySeconds === undefined && offset === 0 && pick.size <= preparedPicks;
  if (!isPrepared) ruleset.picks.set(pickName(pick), pick);
  return `goto ${pickName(pick)}`;
}

/** What a sticky client is remembered by: the endpoint's address as a number. */
const tokenOf = (endpoint: string): number => parseIPv4(endpoint.split(' ', 1)[0] ?? '') ?? 0;
