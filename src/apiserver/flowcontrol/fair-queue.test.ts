import { beforeEach, describe, expect, it } from 'vitest';
import { Heap } from '../../base/heap.ts';
import { type Rng, seededRng } from '../../base/rng.ts';
import { deal, type Entry, FairQueue, type QueueConfig } from './fair-queue.ts';

const config: QueueConfig = { seats: 4, queues: 8, handSize: 3, queueLengthLimit: 5 };

describe('deal', () => {
  it('gives a flow different queues, always the same, and spreads flows over all of them', () => {
    const dealt = new Map<number, number>();
    for (let hash = 0; hash < 4000; hash++) {
      const hand = deal(hash, config);
      expect(hand).toEqual(deal(hash, config));
      expect(new Set(hand).size).toBe(3);
      for (const card of hand) dealt.set(card, (dealt.get(card) ?? 0) + 1);
    }
    expect([...dealt.keys()].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    for (const count of dealt.values()) expect(Math.abs(count - 1500)).toBeLessThan(150);
  });
});

describe('FairQueue', () => {
  let queue: FairQueue;
  let started: string[];
  const entry = (name: string, seats = 1): Entry => ({ seats, start: () => started.push(name) });
  beforeEach(() => {
    started = [];
    queue = new FairQueue(config);
  });

  it('lets as many run as there are seats, then queues, then turns away', () => {
    const arrivals = Array.from({ length: 20 }, (_, i) => queue.arrive(entry(`r${i}`), 'one', 0));
    expect(arrivals.filter((a) => a === 'executing')).toHaveLength(4);
    // Three queues of five each: the hand of the only flow.
    expect(arrivals.filter((a) => a === 'queued')).toHaveLength(15);
    expect(arrivals[19]).toBe('queue-full');
    expect(queue.arrive(entry('another'), 'two', 0)).toBe('queued');
  });

  it('starts who waits as soon as seats are free, and forgets who gives up', () => {
    const running = Array.from({ length: 4 }, (_, i) => entry(`r${i}`));
    for (const r of running) queue.arrive(r, 'one', 0);
    const [a, b] = [entry('a'), entry('b')];
    queue.arrive(a, 'one', 1);
    queue.arrive(b, 'one', 1);
    expect(queue.cancel(a, 2)).toBe(true);
    queue.finish(running[0] as Entry, 3);
    expect(started).toEqual(['b']);
    expect(queue.cancel(b, 4)).toBe(false);
    expect([queue.inUse, queue.waiting]).toEqual([4, 0]);
  });

  it('keeps seats for a wide request: narrow ones behind it do not overtake it', () => {
    queue = new FairQueue({ ...config, queues: 1, handSize: 1 });
    const first = entry('first', 2);
    queue.arrive(first, 'one', 0);
    expect(queue.arrive(entry('wide', 4), 'one', 0)).toBe('queued');
    expect(queue.arrive(entry('narrow'), 'one', 0)).toBe('queued');
    queue.finish(first, 10);
    expect(started).toEqual(['wide']);
    // Wider than the level is: it runs alone.
    queue.configure({ ...queue.config, seats: 2 }, 10);
    expect(queue.inUse).toBe(4);
  });

  it('turns away without queues', () => {
    queue = new FairQueue({ seats: 1, queues: 0, handSize: 0, queueLengthLimit: 0 });
    const only = entry('only');
    expect(queue.arrive(only, 'x', 0)).toBe('executing');
    expect(queue.arrive(entry('second'), 'x', 0)).toBe('concurrency-limit');
    queue.finish(only, 5);
    expect(queue.arrive(entry('third'), 'x', 5)).toBe('executing');
  });

  it('gives new seats at once to who waits', () => {
    for (let i = 0; i < 10; i++) queue.arrive(entry(`r${i}`), `f${i}`, 0);
    queue.configure({ ...config, seats: 6 }, 1);
    expect(started).toHaveLength(2);
  });
});

interface Client {
  flow: string;
  /** Requests that it keeps under way at any time. */
  parallel: number;
  seats: number;
  serviceMs(rng: Rng): number;
}

/** Clients that ask again as soon as they are answered, on a clock of the simulation's own; seats × ms that each got. */
function simulate(
  clients: readonly Client[],
  options: QueueConfig,
  { seed, untilMs }: { seed: number; untilMs: number },
) {
  const rng = seededRng(seed);
  const queue = new FairQueue(options);
  const got = new Map(clients.map(({ flow }) => [flow, { work: 0, refused: 0, longestWaitMs: 0 }]));
  const due = new Heap<{ at: number; run(): void }>((a, b) => a.at - b.at);
  let now = 0;
  const ask = (client: Client) => {
    const mine = got.get(client.flow) as { work: number; refused: number; longestWaitMs: number };
    const asked = now;
    const serviceMs = Math.ceil(client.serviceMs(rng));
    const run = () => {
      mine.longestWaitMs = Math.max(mine.longestWaitMs, now - asked);
      due.push({
        at: now + serviceMs,
        run: () => {
          mine.work += serviceMs * client.seats;
          queue.finish(entry, now);
          ask(client);
        },
      });
    };
    const entry: Entry = { seats: client.seats, start: run };
    const arrival = queue.arrive(entry, client.flow, now);
    if (arrival === 'executing') run();
    else if (arrival !== 'queued') {
      mine.refused++;
      due.push({ at: now + 20, run: () => ask(client) });
    }
  };
  for (const client of clients) for (let i = 0; i < client.parallel; i++) ask(client);
  for (let next = due.pop(); next && next.at <= untilMs; next = due.pop()) {
    now = next.at;
    next.run();
  }
  return got;
}

describe('fairness, on a clock of its own', () => {
  const wide: QueueConfig = { seats: 10, queues: 64, handSize: 6, queueLengthLimit: 50 };
  const steady = (flow: string, parallel: number, seats = 1): Client => ({
    flow,
    parallel,
    seats,
    serviceMs: (rng) => 2 + rng.next() * 8,
  });

  it.each([1, 2, 3, 4, 5])('a flood by one flow does not starve another (seed %i)', (seed) => {
    const got = simulate([steady('flood', 500), steady('quiet', 2)], wide, { seed, untilMs: 20_000 });
    const [flood, quiet] = [got.get('flood'), got.get('quiet')];
    // Alone it would get two seats all the time, less the turn it waits for one.
    expect(quiet?.refused).toBe(0);
    expect(quiet?.work).toBeGreaterThan(0.75 * 2 * 20_000);
    expect(quiet?.longestWaitMs).toBeLessThan(40);
    // Nothing is left idle for it: the flood has all the rest.
    expect((flood?.work ?? 0) + (quiet?.work ?? 0)).toBeGreaterThan(0.97 * 10 * 20_000);
  });

  it.each([1, 2, 3])('wide requests and narrow ones get the same part (seed %i)', (seed) => {
    const hand = { ...wide, seats: 50, handSize: 1 };
    const got = simulate([steady('wide', 40, 5), steady('narrow', 50)], hand, { seed, untilMs: 20_000 });
    const [w, n] = [got.get('wide')?.work ?? 0, got.get('narrow')?.work ?? 0];
    expect(w / n).toBeGreaterThan(0.8);
    expect(w / n).toBeLessThan(1.25);
  });

  it('slow requests pay for the time they take, which nobody knew before', () => {
    const slow: Client = { flow: 'slow', parallel: 40, seats: 1, serviceMs: () => 100 };
    const hand = { ...wide, handSize: 1 };
    const got = simulate([slow, steady('fast', 40)], hand, { seed: 1, untilMs: 60_000 });
    const [s, f] = [got.get('slow')?.work ?? 0, got.get('fast')?.work ?? 0];
    expect(s / f).toBeGreaterThan(0.8);
    expect(s / f).toBeLessThan(1.25);
  });
});
