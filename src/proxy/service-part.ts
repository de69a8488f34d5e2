import { parseIPv4 } from '../base/ipv4.ts';
import { type Frontend, mayHairpin, type ProxyEndpoint, type ProxyNode } from './frontend.ts';
import { type Pick, pickName, preparedPicks } from './pick-chain.ts';
import type { SetName } from './sets.ts';
import { assignSlots } from './slots.ts';

/** What a service has in the table. */
export interface ServicePart {
  elements: Map<SetName, Map<string, string>>;
  /** Chains beyond the prepared ones, by name. */
  picks: Map<string, Pick>;
  /** Which endpoint has which slot, per frontend and offset: what the next rendering starts from. */
  slots: Map<string, string[]>;
}

/** Slots of shortcuts start here, so both kinds share one map. More endpoints than this per frontend are left out. */
export const shortcutOffset = 8192;

export const emptyPart = (): ServicePart => ({ elements: new Map(), picks: new Map(), slots: new Map() });

export const frontendKeyOf = ({ address, protocol, port }: Frontend): string => `${address} . ${protocol} . ${port}`;

/** The part for these frontends; `previous` only keeps slots where they are, so that the difference stays small. */
export function renderPart(frontends: readonly Frontend[], node: ProxyNode, previous: ServicePart): ServicePart {
  const part = emptyPart();
  for (const frontend of frontends) addFrontend({ part, node, previous }, frontend);
  return part;
}

interface Rendering {
  part: ServicePart;
  node: ProxyNode;
  previous: ServicePart;
}

function add({ part }: Rendering, set: SetName, key: string, value = ''): void {
  const elements = part.elements.get(set);
  if (elements) elements.set(key, value);
  else part.elements.set(set, new Map([[key, value]]));
}

function addFrontend(rendering: Rendering, frontend: Frontend): void {
  const key = frontendKeyOf(frontend);
  if (frontend.sources) {
    add(rendering, 'guarded', key);
    for (const source of frontend.sources) add(rendering, 'sources', `${key} . ${source}`);
  }
  if (frontend.endpoints.length === 0) {
    add(rendering, 'no-endpoints', key, frontend.othersHaveEndpoints ? 'drop' : 'goto refuse');
  } else {
    const verdict = addEndpoints(rendering, frontend, { key, endpoints: frontend.endpoints, offset: 0 });
    add(rendering, 'services', key, verdict);
    if (frontend.keepSource) add(rendering, 'keep-source', key);
  }
  if (frontend.shortcut && frontend.shortcut.length > 0) {
    const shortcut = { key, endpoints: frontend.shortcut, offset: shortcutOffset };
    add(rendering, 'shortcuts', key, addEndpoints(rendering, frontend, shortcut));
  }
}

/** Adds the elements of one frontend's endpoints; the answer is the verdict that picks among them. */
function addEndpoints(
  rendering: Rendering,
  { stickySeconds }: Frontend,
  { key, endpoints, offset }: { key: string; endpoints: readonly ProxyEndpoint[]; offset: number },
): string {
  const { part, node, previous } = rendering;
  const served = endpoints.slice(0, shortcutOffset);
  for (const endpoint of served) {
    if (mayHairpin(endpoint, node)) add(rendering, 'hairpin', `${endpoint.address} . ${endpoint.address}`);
  }
  const slotsKey = `${key} . ${offset}`;
  const texts = served.map((e) => `${e.address} . ${e.port}`);
  const slots = assignSlots(previous.slots.get(slotsKey) ?? [], texts);
  part.slots.set(slotsKey, slots);
  for (const [i, endpoint] of slots.entries()) {
    const slot = `${key} . ${offset + i}`;
    if (stickySeconds === undefined) {
      add(rendering, 'endpoints', slot, endpoint);
      continue;
    }
    const token = tokenOf(endpoint);
    add(rendering, 'tokens', slot, String(token));
    // Two ports on one address share a token: the first is used. Slots never reach the value of an address.
    const byToken = `${key} . ${token}`;
    if (!part.elements.get('endpoints')?.has(byToken)) add(rendering, 'endpoints', byToken, endpoint);
  }
  const pick: Pick = { size: slots.length, offset, ...(stickySeconds === undefined ? {} : { stickySeconds }) };
  const isPrepared = stickySeconds === undefined && offset === 0 && pick.size <= preparedPicks;
  if (!isPrepared) part.picks.set(pickName(pick), pick);
  return `goto ${pickName(pick)}`;
}

/** What a sticky client is remembered by: the endpoint's address as a number. */
const tokenOf = (endpoint: string): number => parseIPv4(endpoint.split(' ', 1)[0] ?? '') ?? 0;
