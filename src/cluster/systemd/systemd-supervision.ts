import { readdir, rm, writeFile } from 'node:fs/promises';
import { outputOf, type RunCommand } from '../../host/command.ts';
import { readText } from '../../pki/files.ts';
import { parseBuildLabel } from '../build.ts';
import { etcdServiceName, serverServiceName } from '../services.ts';
import type { Supervision } from '../supervision.ts';
import type { Service, ServiceStart, ServiceStatus } from '../supervisor.ts';
import { baseUnit, buildLabelIn, renderServiceUnit, serviceUnit, unitDir, unitPath } from './units.ts';

const shownLogLines = 50;

/** systemd keeps the services: a unit for each, written when the service is started, gone with the cluster's base unit. */
export class SystemdSupervision implements Supervision {
  readonly #run: RunCommand;
  readonly #cluster: string;
  readonly #dir: string;

  constructor({ run }: { run: RunCommand }, { name }: { name: string }, dir = unitDir) {
    this.#run = run;
    this.#cluster = name;
    this.#dir = dir;
  }

  async isCurrent(service: Service): Promise<boolean> {
    const { unit, text } = this.#unitOf(service);
    if ((await readText(unitPath(this.#dir, unit))) !== text) return false;
    return (await this.status(service.name)).running;
  }

  async start(service: Service): Promise<ServiceStart> {
    if (await this.isCurrent(service)) return { was: 'running' };
    const before = await this.status(service.name);
    const { unit, text } = this.#unitOf(service);
    await this.writeUnit(unit, text);
    await this.#systemctl(['--quiet', 'enable', unit]);
    // Until it has ended: the one before must not be taken for this one. Whether this one comes up is asked of itself.
    if (before.running) await this.#systemctl(['stop', unit]);
    await this.#systemctl(['--no-block', 'start', unit]);
    return before.running ? { was: 'replaced', build: before.build } : { was: 'stopped' };
  }

  async status(name: string): Promise<ServiceStatus> {
    const unit = serviceUnit(this.#cluster, name);
    const text = await this.#systemctl(['show', '--property=ActiveState,MainPID', unit]);
    const shown = new Map(text.split('\n').map((line) => line.split('=', 2) as [string, string]));
    const pid = Number(shown.get('MainPID'));
    if (!(pid > 0) || !['active', 'activating', 'reloading'].includes(shown.get('ActiveState') ?? '')) {
      return { running: false };
    }
    const label = buildLabelIn((await readText(unitPath(this.#dir, unit))) ?? '');
    return { running: true, pid, build: label === undefined ? undefined : parseBuildLabel(label) };
  }

  async stop(name: string): Promise<void> {
    const unit = serviceUnit(this.#cluster, name);
    if ((await readText(unitPath(this.#dir, unit))) !== undefined) await this.#systemctl(['stop', unit]);
  }

  async remove(name: string): Promise<void> {
    const unit = serviceUnit(this.#cluster, name);
    await this.stop(name);
    if ((await readText(unitPath(this.#dir, unit))) !== undefined) await this.#forget([unit]);
  }

  async finish({ forget }: { forget: boolean }): Promise<void> {
    const base = baseUnit(this.#cluster);
    await this.#systemctl(['stop', base]);
    if (!forget) return;
    const ours = (await readdir(this.#dir)).filter((name) => /^knarr(-.+)?@/.test(name));
    await this.#forget(ours.filter((name) => name.endsWith(`@${this.#cluster}.service`)));
    await rm(unitPath(this.#dir, `${base}.wants`), { recursive: true, force: true });
  }

  async #forget(units: readonly string[]): Promise<void> {
    await this.#systemctl(['--quiet', 'disable', ...units]);
    for (const unit of units) await rm(unitPath(this.#dir, unit), { force: true });
    await this.#systemctl(['daemon-reload']);
    // Forgets those that ended badly. One that did not is not known any more, which is no error of ours.
    await this.#run({ program: 'systemctl', args: ['--quiet', 'reset-failed', ...units] });
  }

  logOf(name: string): string {
    return `journalctl -u ${serviceUnit(this.#cluster, name)}`;
  }

  async readLog(name: string): Promise<string> {
    const unit = serviceUnit(this.#cluster, name);
    const args = ['-u', unit, '-o', 'cat', '-n', String(shownLogLines), '--no-pager'];
    return (await this.#run({ program: 'journalctl', args })).stdout;
  }

  /** Writes a unit and has systemd read it. */
  async writeUnit(unit: string, text: string): Promise<void> {
    await writeFile(unitPath(this.#dir, unit), text, { mode: 0o644 });
    await this.#systemctl(['daemon-reload']);
  }

  #unitOf(service: Service): { unit: string; text: string } {
    const isFirst = [serverServiceName, etcdServiceName].includes(service.name);
    const after = isFirst ? [] : [serviceUnit(this.#cluster, serverServiceName)];
    return {
      unit: serviceUnit(this.#cluster, service.name),
      text: renderServiceUnit({ cluster: this.#cluster, service, after }),
    };
  }

  #systemctl(args: readonly string[]): Promise<string> {
    return outputOf(this.#run, { program: 'systemctl', args });
  }
}
