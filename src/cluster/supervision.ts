import { access } from 'node:fs/promises';
import type { Clock } from '../base/clock.ts';
import { readText } from '../pki/files.ts';
import type { RunCommand } from '../host/command.ts';
import type { ClusterLayout } from './layout.ts';
import {
  isServiceCurrent,
  logFile,
  type Service,
  type ServiceStart,
  type ServiceStatus,
  serviceStatus,
  startService,
  stopService,
} from './supervisor.ts';
import { SystemdSupervision } from './systemd/systemd-supervision.ts';
import { baseUnit, unitDir, unitPath } from './systemd/units.ts';

/** Who keeps the services of a cluster running. */
export interface Supervision {
  /** True while the service runs, or is being started, with exactly this command and build. */
  isCurrent(service: Service): Promise<boolean>;
  /** Starts the service, or puts it in the place of what runs with another command; resolves before it is ready. */
  start(service: Service): Promise<ServiceStart>;
  status(name: string): Promise<ServiceStatus>;
  /** Ends a service for as long as nobody starts it; does nothing when it does not run. */
  stop(name: string): Promise<void>;
  /** Ends a service for good: nothing may start it again. */
  remove(name: string): Promise<void>;
  /** All services were stopped. `forget`: for good, nothing may start them again. */
  finish(options: { forget: boolean }): Promise<void>;
  /** Where a person finds what the service says: a file, or a command. */
  logOf(name: string): string;
  /** The end of it. */
  readLog(name: string): Promise<string>;
}

export interface SupervisionDeps {
  clock: Clock;
  run: RunCommand;
}

/** What a cluster, or the part of one that is on this machine, has for its services. */
export type ServicePlace = Pick<ClusterLayout, 'name' | 'home' | 'runDir' | 'logDir'>;

/** systemd for an installed cluster, else a shell loop of ours. */
export async function supervisionOf(deps: SupervisionDeps, place: ServicePlace): Promise<Supervision> {
  const isInstalled = await access(unitPath(unitDir, baseUnit(place.name))).then(
    () => true,
    () => false,
  );
  return isInstalled ? new SystemdSupervision(deps, place) : shellSupervision(deps, place);
}

/** Our own: needs nothing, ends with the machine. */
export const shellSupervision = (
  { clock }: Pick<SupervisionDeps, 'clock'>,
  place: Pick<ClusterLayout, 'runDir' | 'logDir'>,
): Supervision => ({
  isCurrent: (service) => isServiceCurrent(place, service),
  start: (service) => startService(place, service, clock),
  status: (name) => serviceStatus(place, name),
  stop: (name) => stopService(place, name, clock),
  remove: (name) => stopService(place, name, clock),
  finish: async () => {},
  logOf: (name) => logFile(place, name),
  readLog: async (name) => (await readText(logFile(place, name))) ?? '',
});
