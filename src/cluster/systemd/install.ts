import { access, writeFile } from 'node:fs/promises';
import type { Clock } from '../../base/clock.ts';
import { outputOf, type RunCommand } from '../../host/command.ts';
import { withCluster } from '../cluster-identity.ts';
import type { ClusterLayout } from '../layout.ts';
import { localNodes } from '../local-nodes.ts';
import { controlPlaneServices, nodeServiceName, type Program, serviceEnvironment } from '../services.ts';
import { StepFailure } from '../step-failure.ts';
import type { Steps } from '../steps.ts';
import { shellSupervision } from '../supervision.ts';
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
  const onWait = () => steps.note(`another command is at work on cluster ${cluster}: waiting for it`);
  await withCluster({ home, name: cluster, onWait }, (layout) =>
    steps.run(`systemd: unit ${baseUnit(cluster)}`, async () => {
      await stopOwnServices(deps, layout);
      await writeBaseUnit(deps, layout, program);
    }),
  );
}

async function refuseWithoutSystemd(): Promise<void> {
  await access('/run/systemd/system').catch(() => {
    throw new StepFailure('this machine is not run by systemd', {
      next: './knarr up starts a cluster without it; have it called when the machine starts',
    });
  });
}

async function stopOwnServices(deps: InstallDeps, layout: ClusterLayout): Promise<void> {
  const own = shellSupervision(deps, layout);
  for (const name of await localNodes(layout)) await own.stop(nodeServiceName(name));
  for (const name of controlPlaneServices(layout).reverse()) await own.stop(name);
}

async function writeBaseUnit({ run }: InstallDeps, layout: ClusterLayout, program: Program): Promise<void> {
  const unit = baseUnit(layout.name);
  const env = serviceEnvironment(layout, program);
  const text = renderBaseUnit({ cluster: layout.name, home: layout.home, program, env });
  await writeFile(unitPath(unitDir, unit), text, { mode: 0o644 });
  const systemctl = (...args: string[]) => outputOf(run, { program: 'systemctl', args });
  await systemctl('daemon-reload');
  await systemctl('--quiet', 'enable', unit);
}
