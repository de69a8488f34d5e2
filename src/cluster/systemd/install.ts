import { access, writeFile } from 'node:fs/promises';
import type { Clock } from '../../base/clock.ts';
import { outputOf, type RunCommand } from '../../host/command.ts';
import { findCluster, withCluster } from '../cluster-identity.ts';
import { localNodes } from '../local-nodes.ts';
import { haltMember } from '../machine-start-stop.ts';
import { memberLayout, type MemberLayout, type Membership, readMembership } from '../membership.ts';
import { controlPlaneServices, nodeServiceName, type Program, serviceEnvironment } from '../services.ts';
import { StepFailure } from '../step-failure.ts';
import type { Steps } from '../steps.ts';
import { type ServicePlace, shellSupervision, supervisionOf } from '../supervision.ts';
import type { UpDeps } from '../up.ts';
import { baseUnit, renderBaseUnit, unitDir, unitPath } from './units.ts';

interface InstallDeps {
  clock: Clock;
  run: RunCommand;
  steps: Steps;
}

interface InstallOptions {
  home: string;
  cluster: string;
  program: Program;
}

/**
 * Hands the cluster to systemd: from now on `up` and `down` ask it to start and stop services, and it starts them with the
 * machine. Services that run already end; the next `up` starts them again, as units. Containers run on.
 */
export async function install(deps: InstallDeps, { home, cluster, program }: InstallOptions): Promise<void> {
  const { steps } = deps;
  await refuseWithoutSystemd();
  const member = memberLayout(home, cluster);
  const membership = await readMembership(member);
  if (membership) {
    return handOver(deps, member, { services: await servicesOf(member, membership), program });
  }
  const onWait = () => steps.note(`another command is at work on cluster ${cluster}: waiting for it`);
  await withCluster({ home, name: cluster, onWait }, async (layout) => {
    const services = [...controlPlaneServices(layout), ...(await localNodes(layout)).map(nodeServiceName)];
    await handOver(deps, layout, { services, program });
  });
}

/** Of a machine that has joined, in the order in which they start. */
async function servicesOf({ home, name }: MemberLayout, { node }: Membership): Promise<string[]> {
  const servers = await findCluster(home, name);
  return [...(servers ? controlPlaneServices(servers) : []), nodeServiceName(node)];
}

interface HandOver {
  /** In the order in which they start. */
  services: string[];
  program: Program;
}

async function handOver(deps: InstallDeps, place: ServicePlace, { services, program }: HandOver): Promise<void> {
  await deps.steps.run(`systemd: unit ${baseUnit(place.name)}`, async () => {
    const own = shellSupervision(deps, place);
    for (const name of services.toReversed()) await own.stop(name);
    await writeBaseUnit(deps, place, program);
  });
}

async function refuseWithoutSystemd(): Promise<void> {
  await access('/run/systemd/system').catch(() => {
    throw new StepFailure('this machine is not run by systemd', {
      next: './knarr up starts a cluster without it; have it called when the machine starts',
    });
  });
}

async function writeBaseUnit({ run }: InstallDeps, layout: ServicePlace, program: Program): Promise<void> {
  const unit = baseUnit(layout.name);
  const env = serviceEnvironment(layout, program);
  const text = renderBaseUnit({ cluster: layout.name, home: layout.home, program, env });
  await writeFile(unitPath(unitDir, unit), text, { mode: 0o644 });
  const systemctl = (...args: string[]) => outputOf(run, { program: 'systemctl', args });
  await systemctl('daemon-reload');
  await systemctl('--quiet', 'enable', unit);
}

/** The way back for a machine that is a node: its services and containers end, and nothing starts them but `join`. */
export async function takeFromSystemd(deps: UpDeps, place: MemberLayout, member: Membership): Promise<void> {
  const supervision = await supervisionOf(deps, place);
  await deps.steps.run(`node ${member.node}: stopped`, async () => {
    for (const name of (await servicesOf(place, member)).toReversed()) await supervision.stop(name);
    await haltMember(deps, place, member);
    await supervision.finish({ forget: true });
  });
}
