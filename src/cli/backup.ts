import { Command } from 'commander';
import { documented, type OutputFormat, withCluster, withOutput } from './options.ts';
import { CommandFailure, existingCluster, printJson, requireRoot, type Surroundings } from './surroundings.ts';

/** `knarr backup FILE`: state, keys and certificates of a cluster, while it runs. */
export function backupCommand(at: Surroundings): Command {
  const command = new Command('backup')
    .description(
      'write state, keys and certificates of a cluster into one file, while it runs (mode 0600, not encrypted)',
    )
    .argument('<file>', 'the file to write; one that is there is replaced')
    .action(async (file: string, { cluster, output }: { cluster: string; output: OutputFormat }) => {
      requireRoot();
      const layout = await existingCluster(at, cluster);
      const { backup } = await import('../cluster/backup/backup.ts');
      const manifest = await backup(at, layout, file).catch((error: unknown) => {
        throw new CommandFailure(`the backup failed: ${error instanceof Error ? error.message : error}`, {
          cause: error,
        });
      });
      if (output === 'json') return printJson(at, manifest);
      at.stdout.write(`${file}: ${manifest.objects} objects of cluster ${cluster} at revision ${manifest.revision}\n`);
      at.stdout.write('It holds the keys of the cluster, not encrypted: keep it where only you can read it.\n');
    });
  return documented(withOutput(withCluster(command)), {
    examples: ['./knarr backup /srv/knarr.backup', './knarr restore /srv/knarr.backup --cluster again'],
    exits: ['noCluster', 'newer'],
  });
}
