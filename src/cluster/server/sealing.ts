import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Metrics } from '../../base/metrics.ts';
import type { Rng } from '../../base/rng.ts';
import type { RecordCodec } from '../../store/record.ts';
import { ChangeableRecords } from '../../store/sealing/changeable-records.ts';
import { parseEncryptionConfig, type SealingRule } from '../../store/sealing/encryption-config.ts';
import { KmsMetrics } from '../../store/sealing/kms/kms-metrics.ts';
import { KmsProvider } from '../../store/sealing/kms/kms-provider.ts';
import { sealingMetrics } from '../../store/sealing/sealing-metrics.ts';
import type { Store } from '../../store/store.ts';
import type { ClusterLayout } from '../layout.ts';
import { followConfiguration } from './follow-files.ts';
import { fromServerFile, placeOf, type ServerFileFlags } from './server-files.ts';

interface SealingDeps {
  clock: Clock;
  rng: Rng;
  log: Logger;
  figures: Metrics;
}

interface At {
  layout: ClusterLayout;
  flags: ServerFileFlags;
  server: string;
}

const file = 'encryptionProviderConfig';

/** How objects are sealed on the disk, and the plugins that keep keys for it. */
export class Sealing {
  readonly #deps: SealingDeps;
  readonly #at: At;
  readonly #kmsMetrics: KmsMetrics;
  readonly #records: ChangeableRecords;
  /** By what is written of them: a plugin that stays is not started anew. */
  #plugins: ReadonlyMap<string, KmsProvider>;
  #stopFollowing: () => void = () => {};

  /** By the file, with plugins that have answered. Rejects with an Error that says what is wrong with the file or which plugin is not well. */
  static async start(deps: SealingDeps, at: At): Promise<Sealing> {
    const kmsMetrics = new KmsMetrics(deps.figures, at.server);
    return new Sealing(deps, at, { kmsMetrics, ...(await read({ ...deps, metrics: kmsMetrics }, at, new Map())) });
  }

  private constructor(deps: SealingDeps, at: At, begun: Configured & { kmsMetrics: KmsMetrics }) {
    this.#deps = deps;
    this.#at = at;
    this.#kmsMetrics = begun.kmsMetrics;
    this.#plugins = begun.plugins;
    this.#records = new ChangeableRecords(begun.rules, deps.rng, sealingMetrics(deps.figures));
  }

  get records(): RecordCodec {
    return this.#records;
  }

  /** There are plugins. */
  get asksPlugins(): boolean {
    return this.#plugins.size > 0;
  }

  /** All of them are well; those who have not said so for a while are asked. */
  async areWell(): Promise<boolean> {
    return !(await Promise.all(Array.from(this.#plugins.values(), (plugin) => plugin.check()))).includes(false);
  }

  /** Reads the file again whenever it changes; `changed` is called when another one holds. */
  follow(store: Pick<Store, 'resources' | 'all'>, changed: () => void): void {
    const { layout, flags } = this.#at;
    const { log, clock, figures: metrics } = this.#deps;
    const configure = async () => {
      await this.#change(store);
      changed();
    };
    const counted = { what: 'encryption', stability: 'ALPHA' } as const;
    this.#stopFollowing = followConfiguration({ log, clock, metrics }, counted, {
      paths: [placeOf(layout, flags, file)],
      configure,
    });
  }

  async #change(store: Pick<Store, 'resources' | 'all'>): Promise<void> {
    const before = this.#plugins;
    const { rules, plugins } = await read({ ...this.#deps, metrics: this.#kmsMetrics }, this.#at, before);
    try {
      await this.#records.change(rules, store);
    } catch (error) {
      stopAllBut(plugins, before);
      throw error;
    }
    this.#plugins = plugins;
    stopAllBut(before, plugins);
  }

  stop(): void {
    this.#stopFollowing();
    stopAllBut(this.#plugins, new Map());
  }
}

interface Configured {
  rules: readonly SealingRule[];
  plugins: ReadonlyMap<string, KmsProvider>;
}

/** What the file says now; plugins that are there already are taken as they are. */
async function read(
  deps: Omit<SealingDeps, 'figures'> & { metrics: KmsMetrics },
  at: At,
  known: ReadonlyMap<string, KmsProvider>,
): Promise<Configured> {
  const plugins = new Map<string, KmsProvider>();
  const parse = (text: string) =>
    parseEncryptionConfig(text, (config) => {
      const id = JSON.stringify(config);
      const plugin = known.get(id) ?? new KmsProvider(deps, config);
      plugins.set(id, plugin);
      return plugin;
    });
  try {
    const rules = (await fromServerFile({ ...at, file }, parse)) ?? [];
    const added = [...plugins].filter(([id]) => !known.has(id));
    await Promise.all(added.map(([, plugin]) => plugin.start()));
    return { rules, plugins };
  } catch (error) {
    stopAllBut(plugins, known);
    throw error;
  }
}

function stopAllBut(plugins: ReadonlyMap<string, KmsProvider>, kept: ReadonlyMap<string, KmsProvider>): void {
  for (const [id, plugin] of plugins) if (!kept.has(id)) plugin.stop();
}
