import { mkdir } from 'node:fs/promises';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Rng } from '../../base/rng.ts';
import type { RunCommand } from '../../host/command.ts';
import { commandFor, startMs, untilAnswers } from '../start-service.ts';
import type { Steps } from '../steps.ts';
import type { Supervision } from '../supervision.ts';
import { EtcdMembers } from './etcd-members.ts';
import { configureMember, type EtcdLayout, etcdService } from './etcd-service.ts';

interface Deps {
  clock: Clock;
  rng: Rng;
  log: Logger;
  run: RunCommand;
  steps: Steps;
}

interface Place {
  layout: EtcdLayout;
  supervision: Supervision;
}

/** Starts this machine's member, the first of a new etcd if there is none yet; resolves with the client URLs of the others. */
export async function startEtcd(deps: Deps, { layout, supervision }: Place): Promise<string[]> {
  const { etcd } = layout;
  return deps.steps.run(`etcd ${etcd.clientUrl}`, async () => {
    await mkdir(etcd.dir, { recursive: true, mode: 0o700 });
    await configureMember(deps, layout);
    const service = etcdService(layout);
    await supervision.start(service);
    const members = new EtcdMembers(deps, layout, [etcd.localUrl]);
    const others = new EtcdMembers(deps, layout, layout.joined?.members ?? []);
    let urls: string[] = [];
    const next = `${commandFor('up', layout)} tries again; most members of etcd must run for it to answer`;
    const wait = { supervision, service, next, what: 'etcd', timeoutMs: startMs };
    await untilAnswers(deps, wait, async () => {
      const all = await members.list().catch(async (error: unknown) => {
        if (!layout.joined) throw error;
        // A member that has not caught up yet answers nothing.
        await others.promote(etcd.peerUrl);
        return members.list();
      });
      urls = all.flatMap(({ clientUrls }) => clientUrls);
      return true;
    });
    return urls.filter((url) => url !== etcd.clientUrl);
  });
}
