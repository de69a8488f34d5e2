import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Rng } from '../../base/rng.ts';
import { LiveClock } from '../live-clock.ts';
import { type Access, serveWorld } from '../serve-world.ts';
import { World } from '../world.ts';
import { ControlServer } from './control-server.ts';

export interface TestServerDeps {
  /** The machine's. */
  clock: Clock;
  rng: Rng;
  log: Logger;
}

export interface TestServerOptions {
  seed: number;
  nodes: number;
}

export interface TestServer extends Access {
  /** Where time is moved and everything else is controlled: `controlRoutes` below this URL. */
  controlUrl: string;
  stop(): Promise<void>;
}

/** A hollow cluster for tests in any language: HTTPS for clients, and a control endpoint. */
export async function startTestServer(deps: TestServerDeps, options: TestServerOptions): Promise<TestServer> {
  const { clock: machineClock, rng, log } = deps;
  const world = await World.start({ machineClock, log }, { seed: options.seed, clock: new LiveClock(machineClock) });
  if (options.nodes > 0) await world.nodes.add(options.nodes);
  const access = await serveWorld(world, machineClock);
  const secret = Buffer.from(rng.bytes(16)).toString('hex');
  const control = new ControlServer({ world, kubeconfig: access.kubeconfig, snapshots: [world.snapshot()] }, secret);
  const controlUrl = await control.listen();
  return {
    ...access,
    controlUrl,
    async stop() {
      await control.close();
      await world.stop();
    },
  };
}
