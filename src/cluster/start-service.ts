import { stat } from 'node:fs/promises';
import { nodes as nodesResource } from '../api/generated/resources.ts';
import type { Node } from '../api/generated/types.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Rng } from '../base/rng.ts';
import { type AdminClient, adminClient, eventually } from './admin-client.ts';
import type { ClusterLayout } from './layout.ts';
import { portOwner } from './port-owner.ts';
import { serverServiceName } from './services.ts';
import { failureWithLog, StepFailure } from './step-failure.ts';
import type { Supervision } from './supervision.ts';
import type { Service, ServiceStart } from './supervisor.ts';

interface StartDeps {
  clock: Clock;
  rng: Rng;
  log: Logger;
}

/** What a person types. */
export const commandFor = (verb: string, { name }: ClusterLayout): string => `./knarr ${verb} --cluster ${name}`;

/** After a service did not start. */
const nextOf = (layout: ClusterLayout): string =>
  `${commandFor('status', layout)} shows what runs; ${commandFor('down', layout)} and ${commandFor('up', layout)} start it again, with all its state`;

export interface Supervised {
  layout: ClusterLayout;
  supervision: Supervision;
  service: Service;
}

/** Starts the server and waits until it answers. */
export async function startServer(deps: StartDeps, at: Supervised): Promise<ServiceStart> {
  const { layout, supervision, service } = at;
  await refuseTakenPort(layout, supervision);
  const start = await supervision.start(service);
  await untilAnswers(deps, { ...at, next: nextOf(layout), what: 'the API server', timeoutMs: startMs }, async () => {
    await stat(layout.kubeconfig);
    const admin = await adminClient(layout, deps);
    try {
      const answer = await admin.transport.raw('GET', '/readyz');
      answer.stream.resume();
      return answer.status === 200;
    } finally {
      admin.close();
    }
  });
  return start;
}

/** A server of ours may have the port; anybody else is named instead of waited for. */
async function refuseTakenPort(layout: ClusterLayout, supervision: Supervision): Promise<void> {
  if ((await supervision.status(serverServiceName)).running) return;
  const owner = await portOwner(layout.apiPort);
  if (owner === undefined) return;
  throw new StepFailure(`port ${layout.apiPort} is in use by ${owner}`, {
    next: `end that program, then run ${commandFor('up', layout)} again`,
  });
}

/** Starts the agent of a node and waits until the node is Ready by its word. */
export async function startNode(deps: StartDeps, admin: AdminClient, at: Supervised): Promise<ServiceStart> {
  const { layout, supervision, service } = at;
  const name = service.name.slice('node-'.length);
  const beganMs = deps.clock.now();
  const start = await supervision.start(service);
  const sinceMs = start.was === 'running' ? 0 : beganMs;
  await untilAnswers(
    deps,
    { ...at, next: nextOf(layout), what: `node ${name} to be Ready`, timeoutMs: startMs },
    async () => {
      return isReadySince(await admin.client.get(nodesResource, { name }), sinceMs);
    },
  );
  return start;
}

/** What the agent of before has said of a node that it was ready does not count. */
export function isReadySince({ status }: Node, sinceMs: number): boolean {
  const ready = status.conditions?.find(({ type }) => type === 'Ready');
  // The API's times are whole seconds.
  const saidMs = Date.parse(ready?.lastHeartbeatTime ?? '') + 999;
  return ready?.status === 'True' && saidMs >= sinceMs;
}

/** For a slow machine that has other work, too. What does not start at all ends again and again, and is noticed sooner. */
export const startMs = 600_000;

/** So many ends in a row are no accident. */
const maxEnds = 3;

export interface Wait extends Omit<Supervised, 'layout'> {
  /** What a person can try when it never comes. */
  next: string;
  what: string;
  timeoutMs: number;
}

/** Waits for a service; fails early when its program ends again and again, and says where the reason is to be found. */
export async function untilAnswers(
  { clock }: Pick<StartDeps, 'clock'>,
  { next, supervision, service, what, timeoutMs }: Wait,
  answers: () => Promise<boolean>,
): Promise<void> {
  const failure = async (error: unknown) => {
    const log = { name: supervision.logOf(service.name), text: await supervision.readLog(service.name) };
    return failureWithLog(error, log, next);
  };
  let pid: number | undefined;
  let ends = 0;
  const attempt = async () => {
    const now = (await supervision.status(service.name)).pid ?? pid;
    if (pid !== undefined && now !== pid) ends += 1;
    pid = now;
    if (ends >= maxEnds) throw await failure(new Error(`${service.name} ends at its start`));
    return (await answers()) || undefined;
  };
  await eventually(clock, { what, timeoutMs }, attempt).catch(async (error: unknown) => {
    throw await failure(error);
  });
}
