import { watch } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod } from '../../api/generated/types.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';

export interface ManifestFolderDeps {
  clock: Clock;
  log: Logger;
  /** A file's pod. Throws for what is none. */
  parse(text: string, file: string): Promise<Pod>;
  /** All pods of the folder, at each change. */
  changed(pods: Pod[]): void;
}

/** Editors write a file in several steps: what is new is read this long after the last of them. */
const settleMs = 200;
/** More files than this are not read. */
const maxFiles = 500;

/** The pods in a folder of manifests, one in each file. Hidden files and folders are left out. */
export class ManifestFolder {
  readonly #deps: ManifestFolderDeps;
  readonly #folder: string;
  #stopWatching: () => void = () => {};
  #cancelRead: () => void = () => {};
  #isStopped = false;

  constructor(deps: ManifestFolderDeps, folder: string) {
    this.#deps = deps;
    this.#folder = folder;
  }

  /** Watches from now on. */
  start(): void {
    try {
      const watcher = watch(this.#folder, () => this.#readSoon());
      watcher.on('error', (error) =>
        this.#deps.log.warn({ error: String(error) }, 'manifests are not watched any more'),
      );
      this.#stopWatching = () => watcher.close();
    } catch (error) {
      this.#deps.log.warn({ folder: this.#folder, error: String(error) }, 'manifests are not watched');
    }
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelRead();
    this.#stopWatching();
  }

  /** The pods as the files say now; a file that is wrong is named in the log and left out. */
  async read(): Promise<Pod[]> {
    const { log, parse } = this.#deps;
    const names = (await readdir(this.#folder, { withFileTypes: true }).catch(() => []))
      .filter((entry) => !entry.name.startsWith('.') && !entry.isDirectory())
      .map(({ name }) => name)
      .sort();
    const pods = new Map<string, Pod>();
    for (const name of names.slice(0, maxFiles)) {
      const file = join(this.#folder, name);
      try {
        const pod = await parse(await readFile(file, 'utf8'), file);
        const key = `${pod.metadata.namespace}/${pod.metadata.name}`;
        if (pods.has(key)) throw new Error(`there is a pod ${key} already`);
        pods.set(key, pod);
      } catch (error) {
        log.warn({ file, error: error instanceof Error ? error.message : String(error) }, 'manifest is not used');
      }
    }
    return [...pods.values()];
  }

  #readSoon(): void {
    this.#cancelRead();
    this.#cancelRead = this.#deps.clock.after(settleMs, async () => {
      const pods = await this.read();
      if (!this.#isStopped) this.#deps.changed(pods);
    });
  }
}
