import { type FileHandle, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { AuditEvent } from './event.ts';
import type { AuditSink } from './sink.ts';

/** kube-apiserver's flags of the same names; 0: no limit. */
export interface LogSinkOptions {
  path: string;
  maxSizeMb?: number;
  maxBackups?: number;
  maxAgeDays?: number;
}

/** What waits to be written while the disk is slow; beyond that, events are dropped. */
const maxWaiting = 64 * 2 ** 20;
const dayMs = 86_400_000;

/** A file of JSON lines. A full one is put aside under the time of that moment, and the oldest of those go. */
export class LogSink implements AuditSink {
  readonly #deps: { clock: Clock; log: Logger };
  readonly #options: LogSinkOptions;
  #waiting: string[] = [];
  #waitingBytes = 0;
  #dropped = 0;
  #writing: Promise<void> | undefined;
  #file: FileHandle | undefined;
  #size = 0;

  constructor(deps: { clock: Clock; log: Logger }, options: LogSinkOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  write(event: AuditEvent): void {
    const line = `${JSON.stringify(event)}\n`;
    if (this.#waitingBytes + line.length > maxWaiting) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(line);
    this.#waitingBytes += line.length;
    this.#writing ??= this.#drain().finally(() => {
      this.#writing = undefined;
    });
  }

  async close(): Promise<void> {
    while (this.#writing) await this.#writing;
    await this.#file?.close();
    this.#file = undefined;
  }

  async #drain(): Promise<void> {
    const { log } = this.#deps;
    while (this.#waiting.length > 0) {
      const lines = this.#waiting;
      this.#waiting = [];
      this.#waitingBytes = 0;
      try {
        await this.#append(Buffer.from(lines.join('')));
      } catch (error) {
        log.error({ error: String(error), events: lines.length }, 'audit events could not be written');
      }
      if (this.#dropped > 0) log.error({ events: this.#dropped }, 'audit events dropped: the log is too slow');
      this.#dropped = 0;
    }
  }

  async #append(bytes: Buffer): Promise<void> {
    const { maxSizeMb = 100 } = this.#options;
    const limit = maxSizeMb > 0 ? maxSizeMb * 2 ** 20 : Number.POSITIVE_INFINITY;
    let file = await this.#opened();
    if (this.#size > 0 && this.#size + bytes.length > limit) {
      await this.#rotate();
      file = await this.#opened();
    }
    await file.write(bytes);
    this.#size += bytes.length;
  }

  async #opened(): Promise<FileHandle> {
    if (this.#file) return this.#file;
    this.#file = await open(this.#options.path, 'a', 0o600);
    this.#size = (await this.#file.stat()).size;
    return this.#file;
  }

  async #rotate(): Promise<void> {
    const { path } = this.#options;
    await this.#file?.close();
    this.#file = undefined;
    await rename(path, backupName(path, this.#deps.clock.now()));
    for (const old of await this.#tooOld()) await rm(join(dirname(path), old), { force: true });
  }

  async #tooOld(): Promise<string[]> {
    const { path, maxBackups = 0, maxAgeDays = 0 } = this.#options;
    const [prefix, suffix] = partsOf(path);
    const names = await readdir(dirname(path));
    const backups = names
      .filter((name) => name.startsWith(prefix) && name.endsWith(suffix) && name !== basename(path))
      .sort()
      .reverse();
    const beyond = maxBackups > 0 ? backups.slice(maxBackups) : [];
    if (maxAgeDays === 0) return beyond;
    const since = this.#deps.clock.now() - maxAgeDays * dayMs;
    const ages = await Promise.all(
      backups.map(async (name) => ({ name, at: (await stat(join(dirname(path), name))).mtimeMs })),
    );
    return [...new Set([...beyond, ...ages.filter(({ at }) => at < since).map(({ name }) => name)])];
  }
}

/** `audit-` and `.log` of `/var/log/audit.log`. */
function partsOf(path: string): [prefix: string, suffix: string] {
  const suffix = extname(path);
  return [`${basename(path, suffix)}-`, suffix];
}

function backupName(path: string, nowMs: number): string {
  const [prefix, suffix] = partsOf(path);
  const time = new Date(nowMs).toISOString().replace(/:/g, '-').replace('Z', '');
  return join(dirname(path), `${prefix}${time}${suffix}`);
}
