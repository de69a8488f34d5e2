import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Metrics } from '../../base/metrics.ts';
import type { Rng } from '../../base/rng.ts';
import type { RecordCodec } from '../../store/record.ts';
import { parseEncryptionConfig } from '../../store/sealing/encryption-config.ts';
import { KmsMetrics } from '../../store/sealing/kms/kms-metrics.ts';
import { KmsProvider } from '../../store/sealing/kms/kms-provider.ts';
import { sealedRecords } from '../../store/sealing/sealed-records.ts';
import { sealingMetrics } from '../../store/sealing/sealing-metrics.ts';
import type { ClusterLayout } from '../layout.ts';
import { fromServerFile, type ServerFileFlags } from './server-files.ts';

/** How objects are sealed on the disk, and the plugins that keep keys for it. */
export interface Sealing {
  records: RecordCodec;
  /** There are plugins. */
  asksPlugins: boolean;
  /** All of them are well; those who have not said so for a while are asked. */
  areWell(): Promise<boolean>;
  stop(): void;
}

/** By the file, with plugins that have answered. Rejects with an Error that says what is wrong with the file or which plugin is not well. */
export async function startSealing(
  { figures, ...deps }: { clock: Clock; rng: Rng; log: Logger; figures: Metrics },
  at: { layout: ClusterLayout; flags: ServerFileFlags; server: string },
): Promise<Sealing> {
  const plugins: KmsProvider[] = [];
  const metrics = new KmsMetrics(figures, at.server);
  const parse = (text: string) =>
    parseEncryptionConfig(text, (config) => {
      const plugin = new KmsProvider({ ...deps, metrics }, config);
      plugins.push(plugin);
      return plugin;
    });
  const rules = (await fromServerFile({ ...at, file: 'encryptionProviderConfig' }, parse)) ?? [];
  const stop = () => {
    for (const plugin of plugins) plugin.stop();
  };
  try {
    await Promise.all(plugins.map((plugin) => plugin.start()));
  } catch (error) {
    stop();
    throw error;
  }
  const areWell = async () => !(await Promise.all(plugins.map((plugin) => plugin.check()))).includes(false);
  return {
    records: sealedRecords(rules, deps.rng, sealingMetrics(figures)),
    asksPlugins: plugins.length > 0,
    areWell,
    stop,
  };
}
