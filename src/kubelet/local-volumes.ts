import { persistentvolumes } from '../api/generated/resources.ts';
import type { PersistentVolume } from '../api/generated/types.ts';
import { isNotFound } from '../api/meta/status-error.ts';
import { isDataFree, localPathFinalizer, localPathNodeLabel } from '../api/storage/local-path.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Rng } from '../base/rng.ts';
import type { Client } from '../client/client.ts';
import { Informer } from '../client/informer.ts';

export interface LocalVolumesDeps {
  /** Under the node's own name. */
  client: Client;
  clock: Clock;
  rng: Rng;
  log: Logger;
  /** Removes the data of a volume, if there are any. */
  removeData(volume: PersistentVolume): Promise<void>;
}

const retryMs = 10_000;

/**
 * The node's part in the end of a volume of the built-in storage: removes the data, then lets the object go. Data that the
 * volume's policy retains stay on the disk. Works from the state, not from events: a restarted agent goes on where it was.
 */
export class LocalVolumes {
  readonly #deps: LocalVolumesDeps;
  readonly #informer: Informer<PersistentVolume>;
  readonly #cancels = new Map<string, () => void>();

  constructor(deps: LocalVolumesDeps, nodeName: string) {
    this.#deps = deps;
    const labelSelector = `${localPathNodeLabel}=${nodeName}`;
    this.#informer = new Informer<PersistentVolume>(deps, persistentvolumes, { labelSelector });
    const look = (volume: PersistentVolume) => this.#look(volume.metadata.name);
    this.#informer.addHandler({ added: look, updated: (_, volume) => look(volume) });
  }

  start(): void {
    this.#informer.start();
  }

  stop(): void {
    this.#informer.stop();
    for (const cancel of this.#cancels.values()) cancel();
    this.#cancels.clear();
  }

  #look(name: string): void {
    const volume = this.#informer.get(name);
    if (!volume || !isDataFree(volume) || this.#cancels.has(name)) return;
    this.#cancels.set(name, () => {});
    this.#free(volume).then(
      () => this.#cancels.delete(name),
      (error: unknown) => {
        this.#deps.log.warn({ volume: name, error: String(error) }, 'volume not released');
        const again = () => {
          this.#cancels.delete(name);
          this.#look(name);
        };
        if (this.#cancels.has(name)) this.#cancels.set(name, this.#deps.clock.after(retryMs, again));
      },
    );
  }

  async #free(volume: PersistentVolume): Promise<void> {
    if (volume.spec.persistentVolumeReclaimPolicy === 'Delete') await this.#deps.removeData(volume);
    const { metadata } = volume;
    const finalizers = metadata.finalizers?.filter((name) => name !== localPathFinalizer);
    try {
      await this.#deps.client.update(persistentvolumes, { ...volume, metadata: { ...metadata, finalizers } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}
