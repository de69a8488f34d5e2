import type { Node } from '../../api/generated/types.ts';

/** A node of a zone loses its pods every 10 s (`--node-eviction-rate`), in a large zone that is mostly lost every 100 s. */
const periodsMs = { usual: 10_000, slow: 100_000 };
/** A zone with more nodes is large (`--large-cluster-size-threshold`). */
const largest = 50;
/** A zone is mostly lost from this share of its nodes on, and from three nodes on (`--unhealthy-zone-threshold`). */
const mostly = { share: 0.55, nodes: 3 };
/** What is lost at one moment is seen, all of it, before the first of it is given up. */
const settleMs = 100;

interface Zone {
  ready: number;
  lost: number;
  /** Lost nodes that still have their pods, in the order in which they were lost. */
  readonly waiting: Set<string>;
  /** Lost nodes whose turn has come. */
  readonly givenUp: Set<string>;
  /** When the next one may be given up. */
  nextMs: number;
}

interface Place {
  readonly zone: Zone;
  readonly isCounted: boolean;
  readonly isReady: boolean;
}

/**
 * Says when a lost node is given up, so that its pods go elsewhere. Where many nodes are lost at once it is more likely the
 * network that failed, or this program: they are given up one after another, in a small zone that is mostly lost none of them,
 * and none at all where the cluster has not a single ready node left. Source: Kubernetes' "Nodes", rate limits on eviction.
 */
export class DisruptionZones {
  readonly #zones = new Map<string, Zone>();
  readonly #places = new Map<string, Place>();
  readonly #wake: (node: string, afterMs: number) => void;
  #ready = 0;
  #lost = 0;
  #isAllLost = false;

  /** `wake`: the node is to be looked at after this time. */
  constructor(wake: (node: string, afterMs: number) => void) {
    this.#wake = wake;
  }

  /** Takes in how a node is now. */
  set(node: Node, isReady: boolean, nowMs: number): void {
    const { name } = node.metadata;
    const before = this.#places.get(name);
    const place = { zone: this.#zoneOf(node), isCounted: isCounted(node), isReady };
    if (before && isSamePlace(before, place)) return;
    if (before) this.#leave(name, before, isReady || before.zone !== place.zone);
    this.#places.set(name, place);
    this.#count(place, 1);
    this.#changed([before?.zone, place.zone], nowMs);
  }

  remove(name: string, nowMs: number): void {
    const place = this.#places.get(name);
    if (!place) return;
    this.#places.delete(name);
    this.#leave(name, place, true);
    this.#changed([place.zone], nowMs);
  }

  /** Whether a lost node is given up now, or `isAlready`; if not yet, it is woken when it may be. */
  isGivenUp(name: string, isAlready: boolean, nowMs: number): boolean {
    const zone = this.#places.get(name)?.zone;
    if (!zone || this.#isAllLost) return false;
    if (isAlready) zone.givenUp.add(name);
    if (zone.givenUp.has(name)) return true;
    if (zone.waiting.size === 0) zone.nextMs = Math.max(zone.nextMs, nowMs + settleMs);
    zone.waiting.add(name);
    const periodMs = periodOf(zone);
    if (periodMs === undefined || first(zone) !== name) return false;
    if (zone.nextMs > nowMs) {
      this.#wake(name, zone.nextMs - nowMs);
      return false;
    }
    zone.waiting.delete(name);
    zone.givenUp.add(name);
    zone.nextMs = nowMs + periodMs;
    this.#wakeFirst(zone, nowMs);
    return true;
  }

  #zoneOf(node: Node): Zone {
    const name = zoneName(node);
    const zone = this.#zones.get(name) ?? { ready: 0, lost: 0, waiting: new Set(), givenUp: new Set(), nextMs: 0 };
    this.#zones.set(name, zone);
    return zone;
  }

  #leave(name: string, place: Place, isOver: boolean): void {
    this.#count(place, -1);
    if (!isOver) return;
    place.zone.waiting.delete(name);
    place.zone.givenUp.delete(name);
  }

  #count({ zone, isCounted, isReady }: Place, by: number): void {
    if (!isCounted) return;
    zone[isReady ? 'ready' : 'lost'] += by;
    if (isReady) this.#ready += by;
    else this.#lost += by;
  }

  #changed(zones: (Zone | undefined)[], nowMs: number): void {
    const isAllLost = this.#ready === 0 && this.#lost > 0;
    if (isAllLost === this.#isAllLost) {
      for (const zone of new Set(zones)) if (zone) this.#wakeFirst(zone, nowMs);
      return;
    }
    this.#isAllLost = isAllLost;
    // Nodes that were given up get their pods back, or are given up after all.
    if (isAllLost) for (const { givenUp } of this.#zones.values()) givenUp.clear();
    for (const [name, { isReady }] of this.#places) if (!isReady) this.#wake(name, 0);
  }

  #wakeFirst(zone: Zone, nowMs: number): void {
    const name = first(zone);
    if (name !== undefined && periodOf(zone) !== undefined) this.#wake(name, Math.max(zone.nextMs - nowMs, 0));
  }
}

const first = ({ waiting }: Zone): string | undefined => waiting.values().next().value;

/** How often a node of the zone may be given up; undefined: none for now. */
function periodOf({ ready, lost }: Zone): number | undefined {
  const isMostlyLost = ready > 0 && lost >= mostly.nodes && lost / (ready + lost) >= mostly.share;
  if (!isMostlyLost) return periodsMs.usual;
  return ready + lost > largest ? periodsMs.slow : undefined;
}

const zoneName = ({ metadata: { labels = {} } }: Node): string =>
  `${labels['topology.kubernetes.io/region'] ?? ''}\0${labels['topology.kubernetes.io/zone'] ?? ''}`;

/** A node can be left out of the count: one that is expected to come and go. */
const isCounted = ({ metadata }: Node): boolean =>
  metadata.labels?.['node.kubernetes.io/exclude-disruption'] === undefined;

const isSamePlace = (a: Place, b: Place): boolean =>
  a.zone === b.zone && a.isCounted === b.isCounted && a.isReady === b.isReady;
