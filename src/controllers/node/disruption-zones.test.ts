import { describe, expect, it } from 'vitest';
import type { Node } from '../../api/generated/types.ts';
import { DisruptionZones } from './disruption-zones.ts';

const node = (name: string, labels: Record<string, string> = {}): Node => ({ metadata: { name, labels } }) as Node;
const inZone = (zone: string) => ({ 'topology.kubernetes.io/zone': zone });
const names = (count: number, prefix = 'n') => Array.from({ length: count }, (_, i) => `${prefix}${i + 1}`);

/** Nodes, those of them that are lost, and a clock: who is woken asks whether he is given up, as the controller does. */
class World {
  readonly #lost = new Map<string, Node>();
  readonly #givenUp = new Set<string>();
  readonly #wakes: { name: string; atMs: number }[] = [];
  readonly #zones = new DisruptionZones((name, afterMs) => this.#wakes.push({ name, atMs: this.#nowMs + afterMs }));
  #nowMs = 0;

  ready(...nodes: Node[]): void {
    for (const one of nodes) {
      this.#lost.delete(one.metadata.name);
      this.#givenUp.delete(one.metadata.name);
      this.#zones.set(one, true, this.#nowMs);
    }
  }

  /** All of them at one moment. */
  lose(...nodes: Node[]): void {
    for (const one of nodes) this.#lost.set(one.metadata.name, one);
    for (const one of nodes) {
      this.#zones.set(one, false, this.#nowMs);
      this.#ask(one.metadata.name);
    }
  }

  remove(name: string): void {
    this.#lost.delete(name);
    this.#zones.remove(name, this.#nowMs);
  }

  /** The nodes that are given up after this much more time. */
  after(ms: number): string[] {
    const endMs = this.#nowMs + ms;
    for (let next = this.#due(endMs); next; next = this.#due(endMs)) {
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      this.#ask(next.name);
    }
    this.#nowMs = endMs;
    return [...this.#givenUp];
  }

  #due(endMs: number): { name: string; atMs: number } | undefined {
    this.#wakes.sort((a, b) => a.atMs - b.atMs);
    return (this.#wakes[0]?.atMs ?? Number.POSITIVE_INFINITY) <= endMs ? this.#wakes.shift() : undefined;
  }

  #ask(name: string): void {
    if (!this.#lost.has(name)) return;
    if (this.#zones.isGivenUp(name, this.#givenUp.has(name), this.#nowMs)) this.#givenUp.add(name);
    else this.#givenUp.delete(name);
  }
}

/** So many nodes without a zone, none of them lost. */
function ready(count: number): { world: World; all: Node[] } {
  const world = new World();
  const all = names(count).map((name) => node(name));
  world.ready(...all);
  return { world, all };
}

describe('DisruptionZones', () => {
  it('gives lost nodes up one after another', () => {
    const { world, all } = ready(10);
    world.lose(...all.slice(0, 3));
    expect(world.after(99)).toEqual([]);
    expect(world.after(1)).toEqual(['n1']);
    expect(world.after(9_999)).toEqual(['n1']);
    expect(world.after(1)).toEqual(['n1', 'n2']);
    expect(world.after(10_000)).toEqual(['n1', 'n2', 'n3']);
  });

  it('passes the turn of a node on that is back, or gone', () => {
    const { world, all } = ready(12);
    world.lose(...all.slice(0, 4));
    expect(world.after(100)).toEqual(['n1']);
    world.ready(all[1] as Node);
    world.remove('n3');
    expect(world.after(10_000)).toEqual(['n1', 'n4']);
    // One that is lost again waits like any other.
    world.lose(all[1] as Node);
    expect(world.after(9_000)).toEqual(['n1', 'n4']);
    expect(world.after(1_000)).toEqual(['n1', 'n4', 'n2']);
  });

  it('gives none up in a small zone that is mostly lost, and goes on when it is better', () => {
    const { world, all } = ready(5);
    world.lose(...all.slice(0, 3));
    expect(world.after(3_600_000)).toEqual([]);
    world.ready(all[0] as Node);
    expect(world.after(0)).toEqual(['n2']);
    expect(world.after(10_000)).toEqual(['n2', 'n3']);
  });

  it('takes its time in a large zone that is mostly lost', () => {
    const { world, all } = ready(60);
    world.lose(...all.slice(0, 40));
    expect(world.after(100)).toEqual(['n1']);
    expect(world.after(99_999)).toEqual(['n1']);
    expect(world.after(1)).toEqual(['n1', 'n2']);
  });

  it('looks at each zone by itself: one that is lost as a whole is given up while another lives', () => {
    const world = new World();
    const [a, b] = ['a', 'b'].map((zone) => names(5, zone).map((name) => node(name, inZone(zone)))) as [Node[], Node[]];
    world.ready(...a, ...b);
    world.lose(...a, b[0] as Node);
    expect(world.after(100)).toEqual(['a1', 'b1']);
    expect(world.after(40_000)).toHaveLength(6);
  });

  it('gives nobody up where all are lost: those that were are taken back, until the first node is ready again', () => {
    const { world, all } = ready(3);
    world.lose(all[0] as Node);
    expect(world.after(100)).toEqual(['n1']);
    world.lose(...all.slice(1));
    expect(world.after(3_600_000)).toEqual([]);
    world.ready(all[2] as Node);
    expect(world.after(10_100)).toHaveLength(2);
  });

  it('does not count nodes that are left out', () => {
    const world = new World();
    const spare = node('spare', { 'node.kubernetes.io/exclude-disruption': '' });
    const all = names(2).map((name) => node(name));
    world.ready(...all, spare);
    world.lose(...all);
    expect(world.after(3_600_000)).toEqual([]);
    world.ready(...all);
    world.lose(spare);
    expect(world.after(100)).toEqual(['spare']);
  });
});
