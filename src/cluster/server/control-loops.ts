import { allAuthenticated, serviceAccountUser, type UserInfo } from '../../apiserver/authn/user-info.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Metrics } from '../../base/metrics.ts';
import type { Rng } from '../../base/rng.ts';
import type { Client } from '../../client/client.ts';
import { runLeaderElection } from '../../client/leader-election.ts';
import { startControllers, type StartOptions } from '../../controllers/controllers.ts';
import { type SchedulerOptions, startScheduler } from '../../scheduler/scheduler.ts';
import { postToExtender } from './extender-post.ts';

export interface ControlLoopDeps {
  /** A client with its own identity. */
  clientFor(user: UserInfo, userAgent: string): Client;
  clock: Clock;
  rng: Rng;
  log: Logger;
  metrics: Metrics;
}

interface Loop {
  stop(): void;
}

const controllerManager: UserInfo = { name: 'system:kube-controller-manager', groups: [allAuthenticated] };
const schedulerUser: UserInfo = { name: 'system:kube-scheduler', groups: [allAuthenticated] };

/**
 * The controllers and the scheduler of this server. With a `candidate` name they run only while it is elected, each by a
 * Lease in kube-system as upstream's; a server that is alone needs no election.
 */
export function startControlLoops(
  deps: ControlLoopDeps,
  { controllers, scheduler = {} }: { controllers: StartOptions; scheduler?: SchedulerOptions | undefined },
  candidate?: string,
): Loop {
  const { clientFor, clock, rng, log, metrics } = deps;
  const loops = [
    {
      name: 'kube-controller-manager',
      user: controllerManager,
      start: (client: Client) =>
        startControllers(
          {
            clientFor: (name) => clientFor(serviceAccountUser('kube-system', name), name),
            cacheClient: client,
            clock,
            rng,
            log,
            metrics,
          },
          controllers,
        ),
    },
    {
      name: 'kube-scheduler',
      user: schedulerUser,
      start: (client: Client) =>
        startScheduler(
          {
            ...{ client, clock, rng, metrics },
            log: log.child({ component: 'scheduler' }),
            postToExtender: postToExtender(clock),
          },
          scheduler,
        ),
    },
  ];
  const running = loops.map(({ name, user, start }) => {
    const client = clientFor(user, name);
    if (candidate === undefined) return start(client);
    return elected({ client, clock, rng, log }, { name, candidate, start: () => start(client) });
  });
  return {
    stop() {
      for (const loop of running) loop.stop();
    },
  };
}

function elected(
  { client, clock, rng, log }: { client: Client; clock: Clock; rng: Rng; log: Logger },
  { name, candidate, start }: { name: string; candidate: string; start(): Loop },
): Loop {
  let loop: Loop | undefined;
  const election = runLeaderElection(
    { client, clock, rng },
    {
      lease: { namespace: 'kube-system', name },
      identity: candidate,
      onLead() {
        log.info({ name, candidate }, 'leads');
        loop = start();
      },
      onStepDown() {
        log.warn({ name, candidate }, 'leads no more');
        loop?.stop();
        loop = undefined;
      },
    },
  );
  return {
    stop() {
      election.stop();
      loop?.stop();
    },
  };
}
