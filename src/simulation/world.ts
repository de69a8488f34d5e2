import { StatusError } from '../api/meta/status-error.ts';
import type { ServingOptions } from '../api/served-versions.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { type DrivenClock, VirtualClock } from '../base/virtual-clock.ts';
import type { Transport } from '../client/transport.ts';
import type { SchedulerPlugin } from '../scheduler/plugin.ts';
import { MemoryJournal } from '../store/memory-journal.ts';
import type { Version } from '../store/version.ts';
import type { Component } from './component.ts';
import { ControlPlane } from './control-plane.ts';
import { FaultInjector } from './faults.ts';
import type { Behaviour } from './hollow/behaviour.ts';
import { builtInBehaviours } from './hollow/behaviours.ts';
import { HollowNodes, type HollowNodesSnapshot } from './hollow/hollow-nodes.ts';
import { LiveClock } from './live-clock.ts';
import { rngFor } from './seed.ts';
import { createTrust, type Trust } from './trust.ts';

export interface WorldDeps {
  /** The machine's time: for sockets, and the base of a live clock. */
  machineClock: Clock;
  log: Logger;
}

export interface WorldOptions {
  seed: number;
  clock: DrivenClock;
  /** Before the built-in ones. */
  behaviours?: readonly Behaviour[];
  controllers?: readonly string[];
  scheduler?: boolean;
  /** Which versions of built-in kinds the server has. */
  serving?: ServingOptions | undefined;
  schedulerPlugins?: readonly SchedulerPlugin[];
  /** Goes between each client and the server, nearer to the client than faults. */
  wrap?(transport: Transport, client: string): Transport;
}

/** Everything that a world is, as plain data; taken between two instants. */
export interface WorldSnapshot {
  readonly versions: readonly Version[];
  readonly nowMs: number;
  readonly nodes: HollowNodesSnapshot;
}

/** A whole cluster in this process: control plane, hollow nodes, a clock that is driven, and what may go wrong. */
export class World {
  readonly clock: DrivenClock;
  readonly faults: FaultInjector;
  readonly plane: ControlPlane;
  readonly trust: Trust;
  #nodes: HollowNodes;
  #journal = new MemoryJournal();
  readonly #deps: WorldDeps;
  readonly #options: WorldOptions;

  static async start(deps: WorldDeps, options: WorldOptions): Promise<World> {
    const trust = await createTrust([deps.machineClock, options.clock]);
    const world = new World(deps, options, trust);
    await world.plane.start(world.#journal);
    return world;
  }

  private constructor(deps: WorldDeps, options: WorldOptions, trust: Trust) {
    const { clock, seed } = options;
    this.#deps = deps;
    this.#options = options;
    this.clock = clock;
    this.trust = trust;
    this.faults = new FaultInjector({ clock, rng: rngFor(seed, 'faults') });
    const wrap: FaultInjector['wrap'] = (transport, client) => {
      const faulty = this.faults.wrap(transport, client);
      return options.wrap?.(faulty, client) ?? faulty;
    };
    this.plane = new ControlPlane({ ...deps, clock, trust, wrap }, options);
    this.#nodes = this.#hollowNodes();
  }

  get nodes(): HollowNodes {
    return this.#nodes;
  }

  /** The part stops and starts again; it remembers nothing but what is stored. Its caches fill as the clock goes on. */
  async restart(component: Component): Promise<void> {
    if (component === 'scheduler') {
      this.plane.stopScheduler();
      this.plane.startScheduler();
    } else if (component === 'controllers') {
      this.plane.stopControllers();
      void this.plane.startControllers();
    } else {
      await this.plane.stopApi();
      await this.plane.startApi(this.#journal);
    }
  }

  snapshot(): WorldSnapshot {
    const { store } = this.plane.api.context;
    const versions = Array.from(store.resources()).flatMap((resource) => [...store.all(resource)]);
    return { versions, nowMs: this.clock.now(), nodes: this.#nodes.snapshot() };
  }

  /**
   * Back to a snapshot: objects, nodes and what ran on them, faults gone. A virtual clock goes back too; a live one goes
   * on. Revisions go on as well, so that clients from before notice: their watches end as expired and they list again.
   */
  async reset(to: WorldSnapshot): Promise<void> {
    this.faults.stopAll();
    this.#nodes.stopAll();
    this.plane.stopScheduler();
    this.plane.stopControllers();
    const { revision } = this.plane.api.context.store;
    await this.plane.stopApi({ keepWatches: true });
    if (this.clock instanceof VirtualClock) this.clock.reset(to.nowMs);
    this.#journal = new MemoryJournal({ versions: to.versions, revision: revision + 1 });
    await this.plane.startApi(this.#journal);
    this.plane.switchboard.cutWatches(() => true, StatusError.of('Expired', 'the world was reset'));
    await this.plane.startControllers();
    this.plane.startScheduler();
    this.#nodes = this.#hollowNodes();
    await this.#nodes.restore(to.nodes);
  }

  async stop(): Promise<void> {
    this.faults.stopAll();
    this.#nodes.stopAll();
    await this.plane.stop();
    if (this.clock instanceof LiveClock) this.clock.stop();
  }

  #hollowNodes(): HollowNodes {
    const { clock, seed, behaviours = [] } = this.#options;
    return new HollowNodes({
      clientFor: (user, name) => this.plane.clientFor(user, name),
      clock,
      log: this.#deps.log.child({ component: 'hollow' }),
      seed,
      behaviours: [...behaviours, ...builtInBehaviours],
    });
  }
}
