import { type Clock, realClock } from '../base/clock.ts';
import { durationMs } from '../base/duration.ts';
import { type Logger, silentLog } from '../base/log.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import { LiveClock } from '../simulation/live-clock.ts';
import { World } from '../simulation/world.ts';
import { Cluster } from './cluster.ts';
import type { ClusterOptions } from './options.ts';

const realTimeout = '10s';
const virtualTimeout = '10m';

/**
 * Starts a cluster in this process. Resolves when the API answers, the controllers work and the nodes are ready. Any number
 * of clusters can live side by side. Stop it when the test is over, or write `await using cluster = await startCluster()`.
 */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const { seed = 1, nodes = 1, timeout, behaviours, controllers, scheduler, serving } = options;
  const machineClock: Clock = realClock;
  const isVirtual = options.clock === 'virtual';
  const clock = isVirtual ? new VirtualClock(options.startTime?.getTime()) : new LiveClock(machineClock);
  const log = options.onLog ? lineLog(options.onLog) : silentLog;
  const world = await World.start({ machineClock, log }, { seed, clock, behaviours, controllers, scheduler, serving });
  const timeoutMs = durationMs(timeout ?? (isVirtual ? virtualTimeout : realTimeout));
  const cluster = new Cluster({ world, machineClock, log, timeoutMs, seed });
  const { count = 1, ...like } = typeof nodes === 'number' ? { count: nodes } : nodes;
  if (count > 0) await cluster.nodes.add(count, like);
  cluster.markStart();
  return cluster;
}

/** Warnings and errors as one line each. */
function lineLog(onLog: (line: string) => void, about: object = {}): Logger {
  const write = (level: string) => (fields: object, message: string) =>
    onLog(`${level} ${message} ${JSON.stringify({ ...about, ...fields })}`);
  const ignore = () => {};
  const child = (fields: object) => lineLog(onLog, { ...about, ...fields });
  return { debug: ignore, info: ignore, warn: write('warning'), error: write('error'), child };
}
