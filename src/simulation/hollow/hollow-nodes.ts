import { nodes } from '../../api/generated/resources.ts';
import { allAuthenticated, nodesGroup, nodeUserPrefix, type UserInfo } from '../../apiserver/authn/user-info.ts';
import { type Clock, every } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Client } from '../../client/client.ts';
import type { PodState } from '../../kubelet/worker/state.ts';
import { rngFor } from '../seed.ts';
import type { Behaviour } from './behaviour.ts';
import { defaultHeartbeatMs, HollowNode } from './hollow-node.ts';
import type { HollowNodeSpec } from './node-spec.ts';

export interface HollowNodesDeps {
  clientFor(user: UserInfo, name: string): Client;
  clock: Clock;
  log: Logger;
  seed: number;
  behaviours: readonly Behaviour[];
}

/** Registrations under way at once. */
const maxStarting = 64;

const userOf = (name: string): UserInfo => ({
  name: `${nodeUserPrefix}${name}`,
  groups: [nodesGroup, allAuthenticated],
});

interface Place {
  spec: HollowNodeSpec;
  /** Absent while its agent is down. */
  agent?: HollowNode;
  /** What the agent that went down left. */
  left: PodState[];
  lives: number;
}

/** The machines of a hollow cluster: they can be added, go down with everything on them, and come back. */
export class HollowNodes {
  readonly #deps: HollowNodesDeps;
  readonly #places = new Map<string, Place>();
  /** One timer for all nodes with the same pace. */
  readonly #heartbeats = new Map<number, () => void>();
  #made = 0;

  constructor(deps: HollowNodesDeps) {
    this.#deps = deps;
  }

  get names(): string[] {
    return [...this.#places.keys()];
  }

  isUp(name: string): boolean {
    return this.#place(name).agent !== undefined;
  }

  /** Adds nodes and resolves when they are registered. Names are `node-1`, `node-2`, … unless told. */
  async add(count: number, spec: Partial<HollowNodeSpec> = {}): Promise<string[]> {
    const added = Array.from({ length: count }, () => this.#newPlace(spec));
    const names = added.map((place) => place.spec.name);
    const waiting = [...added];
    const work = async () => {
      for (let next = waiting.shift(); next; next = waiting.shift()) await this.#start(next);
    };
    await Promise.all(Array.from({ length: maxStarting }, work));
    return names;
  }

  /** The node goes silent. `loses`: what ran on it is gone when it comes back, as after a crash of the machine. */
  stop(name: string, { loses = false }: { loses?: boolean } = {}): void {
    const place = this.#place(name);
    place.left = place.agent?.stop() ?? place.left;
    if (loses) place.left = [];
    place.agent = undefined;
  }

  /** The node is back. */
  async start(name: string): Promise<void> {
    const place = this.#place(name);
    if (!place.agent) await this.#start(place);
  }

  /** Stops the node and deletes its object. */
  async remove(name: string, client: Client): Promise<void> {
    this.stop(name);
    this.#places.delete(name);
    await client.delete(nodes, { name });
  }

  stopAll(): void {
    for (const stop of this.#heartbeats.values()) stop();
    for (const { agent } of this.#places.values()) agent?.stop();
  }

  /** Plain data: which nodes there are, and what is on them. */
  snapshot(): HollowNodesSnapshot {
    const places = Array.from(this.#places.values(), ({ spec, agent, left, lives }) => ({
      spec,
      isUp: agent !== undefined,
      left: agent?.podStates() ?? left,
      lives,
    }));
    return { places, made: this.#made };
  }

  /** Takes over what a snapshot says; for a fresh set. */
  async restore({ places, made }: HollowNodesSnapshot): Promise<void> {
    this.#made = made;
    for (const { isUp, ...place } of places) {
      this.#places.set(place.spec.name, { ...place });
      if (isUp) await this.start(place.spec.name);
    }
  }

  #newPlace(spec: Partial<HollowNodeSpec>): Place {
    const number = ++this.#made;
    const name = spec.name ?? `node-${number}`;
    if (this.#places.has(name)) throw new Error(`there is a node ${name} already`);
    const place: Place = { spec: { address: addressOf(number), ...spec, name }, left: [], lives: 0 };
    this.#places.set(name, place);
    return place;
  }

  async #start(place: Place): Promise<void> {
    const { clientFor, clock, log, seed, behaviours } = this.#deps;
    const { spec, left } = place;
    const rng = rngFor(seed, `${spec.name}/${place.lives++}`);
    const client = clientFor(userOf(spec.name), spec.name);
    this.#keepAlive(spec.heartbeatMs ?? defaultHeartbeatMs);
    const agent = new HollowNode({ client, clock, rng, log, behaviours }, spec, left);
    place.agent = agent;
    place.left = [];
    await agent.start();
  }

  #keepAlive(heartbeatMs: number): void {
    if (this.#heartbeats.has(heartbeatMs)) return;
    const stop = every(this.#deps.clock, heartbeatMs, () => {
      for (const { spec, agent } of this.#places.values())
        if ((spec.heartbeatMs ?? defaultHeartbeatMs) === heartbeatMs) void agent?.heartbeat();
    });
    this.#heartbeats.set(heartbeatMs, stop);
  }

  #place(name: string): Place {
    const place = this.#places.get(name);
    if (!place) throw new Error(`there is no node ${name}: ${this.names.join(', ') || 'none at all'}`);
    return place;
  }
}

export interface HollowNodesSnapshot {
  places: { spec: HollowNodeSpec; isUp: boolean; left: PodState[]; lives: number }[];
  made: number;
}

/** 172.16.0.1 and up. */
const addressOf = (number: number): string => `172.${16 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}`;
