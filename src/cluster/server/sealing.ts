import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Rng } from '../../base/rng.ts';
import { parseEncryptionConfig, type SealingRule } from '../../store/sealing/encryption-config.ts';
import { KmsProvider } from '../../store/sealing/kms/kms-provider.ts';
import type { ClusterLayout } from '../layout.ts';
import { fromServerFile, type ServerFileFlags } from './server-files.ts';

/** How objects are sealed on the disk, and the plugins that keep keys for it. */
export interface Sealing {
  rules: readonly SealingRule[];
  /** There are plugins. */
  asksPlugins: boolean;
  /** All of them are well. */
  isWell(): boolean;
  stop(): void;
}

/** By the file, with plugins that have answered. Rejects with an Error that says what is wrong with the file or which plugin is not well. */
export async function startSealing(
  deps: { clock: Clock; rng: Rng; log: Logger },
  at: { layout: ClusterLayout; flags: ServerFileFlags },
): Promise<Sealing> {
  const plugins: KmsProvider[] = [];
  const parse = (text: string) =>
    parseEncryptionConfig(text, (config) => {
      const plugin = new KmsProvider(deps, config);
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
  const isWell = () => plugins.every(({ problem }) => problem === undefined);
  return { rules, asksPlugins: plugins.length > 0, isWell, stop };
}
