import { type Duration, durationMs } from '../../base/duration.ts';
import { badRequest } from '../../api/meta/status-error.ts';
import type { Component } from '../component.ts';
import type { Fault } from '../faults.ts';
import type { HollowNodeSpec } from '../hollow/node-spec.ts';
import { settle } from '../settle.ts';
import type { World, WorldSnapshot } from '../world.ts';

/** What the control endpoint works on. */
export interface Controlled {
  world: World;
  /** By number, as they were taken; 0 is the start. */
  snapshots: WorldSnapshot[];
  kubeconfig: string;
}

type Body = Record<string, unknown>;
type Route = (controlled: Controlled, body: Body) => unknown;

const parts: readonly string[] = ['apiserver', 'controllers', 'scheduler'] satisfies Component[];

const nowOf = ({ world }: Controlled) => ({ now: new Date(world.clock.now()).toISOString() });

function textIn(body: Body, field: string): string {
  const value = body[field];
  if (typeof value === 'string' && value) return value;
  throw badRequest(`"${field}" is missing: a text`);
}

function duration(body: Body, field: string, fallback?: Duration): number {
  const value = body[field] ?? fallback;
  if (typeof value === 'number' || typeof value === 'string') {
    try {
      return durationMs(value);
    } catch (error) {
      throw badRequest(error instanceof Error ? error.message : String(error));
    }
  }
  throw badRequest(`"${field}" is missing: a duration such as 10m`);
}

function nodeIn({ world }: Controlled, body: Body): string {
  const name = textIn(body, 'name');
  if (!world.nodes.names.includes(name)) throw badRequest(`there is no node ${name}`);
  return name;
}

/** What can be asked for, by method and path. Bodies and answers are JSON. */
export const controlRoutes: Readonly<Record<string, Route>> = {
  'GET /': (controlled) => ({ ...nowOf(controlled), nodes: controlled.world.nodes.names }),
  'GET /kubeconfig': ({ kubeconfig }) => kubeconfig,
  'POST /advance': async (controlled, body) => {
    await controlled.world.clock.advance(duration(body, 'by'));
    return nowOf(controlled);
  },
  'POST /settle': async (controlled, body) => {
    const withinMs = duration(body, 'within', '30s');
    const isSettled = await settle(controlled.world.clock, { withinMs, limitMs: duration(body, 'timeout', '1h') });
    return { ...nowOf(controlled), settled: isSettled };
  },
  'POST /snapshot': ({ world, snapshots }) => ({ snapshot: snapshots.push(world.snapshot()) - 1 }),
  'POST /reset': async (controlled, { snapshot = 0 }) => {
    const found = controlled.snapshots[Number(snapshot)];
    if (!found) throw badRequest(`there is no snapshot ${String(snapshot)}`);
    await controlled.world.reset(found);
    return nowOf(controlled);
  },
  'POST /nodes/add': async ({ world }, { count = 1, ...like }) => ({
    nodes: await world.nodes.add(Number(count), like as Partial<HollowNodeSpec>),
  }),
  'POST /nodes/stop': (controlled, body) => controlled.world.nodes.stop(nodeIn(controlled, body)),
  'POST /nodes/crash': (controlled, body) => controlled.world.nodes.stop(nodeIn(controlled, body), { loses: true }),
  'POST /nodes/start': async (controlled, body) => controlled.world.nodes.start(nodeIn(controlled, body)),
  'POST /faults': ({ world }, body) => void world.faults.inject(body as unknown as Fault),
  'DELETE /faults': ({ world }) => world.faults.stopAll(),
  'POST /restart': async ({ world }, body) => {
    const part = textIn(body, 'part');
    if (!parts.includes(part)) throw badRequest(`"part" is one of ${parts.join(', ')}`);
    await world.restart(part as Component);
  },
};
