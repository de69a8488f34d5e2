import type { EndpointSlice, Service } from '../api/generated/types.ts';
import { keyOf, keyText } from '../api/resource.ts';
import { LiveTable } from '../nft/live-table.ts';
import type { TableContent, Transaction } from '../nft/table.ts';
import { baseChains } from './base-chains.ts';
import { type StaleFlow, staleFlows } from './flows.ts';
import { type Frontend, frontendsOf, type ProxyNode } from './frontend.ts';
import { pickChains } from './pick-chain.ts';
import { emptyPart, frontendKeyOf, renderPart, type ServicePart } from './service-part.ts';
import { type SetName, sets } from './sets.ts';

export const serviceNameLabel = 'kubernetes.io/service-name';

/**
 * Services and their endpoints as they are known, and the node's table that follows from them. A change costs what it
 * touches: one service. Two services with the same frontend: the first by name has it.
 */
export class ServiceBook {
  #node: ProxyNode;
  readonly #table = new LiveTable();
  readonly #services = new Map<string, Service>();
  readonly #slicesOf = new Map<string, Map<string, EndpointSlice>>();
  /** The service that a slice belongs to, by the slice's key. */
  readonly #serviceOf = new Map<string, string>();
  readonly #parts = new Map<string, ServicePart>();
  /** Who wants a frontend. */
  readonly #claims = new Map<string, Set<string>>();
  readonly #claimed = new Map<string, string[]>();
  /** How many services have put a hairpin element there: that may be of several. */
  readonly #shared = new Map<string, number>();
  readonly #picks = new Set<string>();
  readonly #stale = new Set<string>();
  #staleFlows: StaleFlow[] = [];

  constructor(node: ProxyNode) {
    this.#node = node;
    for (const [name, shape] of Object.entries(sets)) this.#table.addSet(name, shape);
    const { podCIDR, serviceCIDR } = node;
    for (const chain of baseChains({ podCIDR, ...(serviceCIDR ? { serviceCIDR } : {}) })) this.#table.addChain(chain);
  }

  get serviceCount(): number {
    return this.#services.size;
  }

  /** Chains that were made for some service. They stay: removing one is expensive in the kernel, an unused one is harmless. */
  get pickCount(): number {
    return this.#picks.size;
  }

  get node(): ProxyNode {
    return this.#node;
  }

  /** Another place in the cluster, or other addresses; the cluster's blocks do not change. */
  setNode(node: ProxyNode): void {
    this.#node = node;
    for (const key of this.#services.keys()) this.#stale.add(key);
  }

  setService(service: Service): void {
    const key = keyText(keyOf(service));
    this.#services.set(key, service);
    this.#stale.add(key);
  }

  removeService(service: Service): void {
    const key = keyText(keyOf(service));
    this.#services.delete(key);
    this.#stale.add(key);
  }

  setSlice(slice: EndpointSlice): void {
    const key = keyText(keyOf(slice));
    const name = slice.metadata.labels?.[serviceNameLabel];
    const service = name && keyText({ namespace: slice.metadata.namespace, name });
    if (this.#serviceOf.get(key) !== service) this.removeSlice(slice);
    if (!service) return;
    this.#serviceOf.set(key, service);
    const slices = this.#slicesOf.get(service);
    if (slices) slices.set(key, slice);
    else this.#slicesOf.set(service, new Map([[key, slice]]));
    this.#stale.add(service);
  }

  removeSlice(slice: EndpointSlice): void {
    const key = keyText(keyOf(slice));
    const service = this.#serviceOf.get(key);
    if (service === undefined) return;
    this.#serviceOf.delete(key);
    const slices = this.#slicesOf.get(service);
    slices?.delete(key);
    if (slices?.size === 0) this.#slicesOf.delete(service);
    this.#stale.add(service);
  }

  /** The whole table, good until the next change; `takeChanges` begins with it. */
  takeContent(): TableContent {
    this.#settle();
    return this.#table.takeContent();
  }

  /** From what it was at the last call, or from nothing, to what should be. */
  takeChanges(): Transaction {
    this.#settle();
    return this.#table.takeChanges();
  }

  /** UDP flows that the kernel must forget, since the last call. */
  takeStaleFlows(): StaleFlow[] {
    const flows = this.#staleFlows;
    this.#staleFlows = [];
    return flows;
  }

  #settle(): void {
    const wanted = new Map<string, Frontend[]>();
    // Who loses or wins a frontend touches others.
    for (const key of this.#stale) wanted.set(key, this.#claim(key));
    for (const key of this.#stale) {
      const frontends = wanted.get(key) ?? [];
      this.#remake(
        key,
        frontends.filter((frontend) => this.#ownerOf(frontendKeyOf(frontend)) === key),
      );
    }
    this.#stale.clear();
  }

  #claim(key: string): Frontend[] {
    const service = this.#services.get(key);
    const slices = [...(this.#slicesOf.get(key)?.values() ?? [])];
    const frontends = service ? frontendsOf(service, slices, this.#node) : [];
    const now = new Set(frontends.map(frontendKeyOf));
    for (const old of this.#claimed.get(key) ?? []) if (!now.has(old)) this.#unclaim(old, key);
    for (const frontend of now) {
      const claims = this.#claims.get(frontend) ?? new Set();
      if (!claims.has(key)) for (const other of claims) this.#stale.add(other);
      this.#claims.set(frontend, claims.add(key));
    }
    if (now.size > 0) this.#claimed.set(key, [...now]);
    else this.#claimed.delete(key);
    return unique(frontends);
  }

  #unclaim(frontend: string, key: string): void {
    const claims = this.#claims.get(frontend);
    claims?.delete(key);
    if (claims?.size === 0) this.#claims.delete(frontend);
    for (const other of claims ?? []) this.#stale.add(other);
  }

  #ownerOf(frontend: string): string | undefined {
    let owner: string | undefined;
    for (const key of this.#claims.get(frontend) ?? []) if (owner === undefined || key < owner) owner = key;
    return owner;
  }

  #remake(key: string, frontends: readonly Frontend[]): void {
    const before = this.#parts.get(key) ?? emptyPart();
    const now = renderPart(frontends, this.#node, before);
    for (const [name, pick] of now.picks) {
      if (this.#picks.has(name)) continue;
      this.#picks.add(name);
      for (const chain of pickChains(pick)) this.#table.addChain(chain);
    }
    for (const [set, elements] of before.elements) {
      for (const name of elements.keys()) if (!now.elements.get(set)?.has(name)) this.#drop(key, set, name);
    }
    for (const [set, elements] of now.elements) {
      const known = before.elements.get(set);
      for (const [name, value] of elements) this.#put(set, [name, value], known?.has(name) ?? false);
    }
    if (now.elements.size > 0) this.#parts.set(key, now);
    else this.#parts.delete(key);
    this.#staleFlows.push(...staleFlows(before.slots, now.slots));
  }

  #put(set: SetName, [key, value]: [string, string], isKnown: boolean): void {
    if (set === 'hairpin' && !isKnown) this.#shared.set(key, (this.#shared.get(key) ?? 0) + 1);
    this.#table.put(set, key, value);
  }

  /** What went with its frontend to another service, which has put it there already, stays. */
  #drop(service: string, set: SetName, key: string): void {
    const owner = this.#ownerOf(key.split(' . ', 3).join(' . ')) ?? service;
    if (owner !== service && this.#parts.get(owner)?.elements.get(set)?.has(key)) return;
    const left = set === 'hairpin' ? (this.#shared.get(key) ?? 1) - 1 : 0;
    if (left > 0) this.#shared.set(key, left);
    else {
      this.#shared.delete(key);
      this.#table.put(set, key, undefined);
    }
  }
}

/** The first of those with one frontend. */
const unique = (frontends: readonly Frontend[]): Frontend[] => [
  ...new Map(frontends.toReversed().map((frontend) => [frontendKeyOf(frontend), frontend])).values(),
];
