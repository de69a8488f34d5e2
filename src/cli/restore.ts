import { tmpdir } from 'node:os';
import { Command } from 'commander';
import { NewerFormatError } from '../cluster/folder-format.ts';
import { documented, type OutputFormat, withOutput } from './options.ts';
import { CommandFailure, homeOf, printJson, requireRoot, type Surroundings } from './surroundings.ts';

interface Flags {
  cluster?: string;
  verify: boolean;
  output: OutputFormat;
}

/** `knarr restore FILE`: a cluster from a backup. */
export function restoreCommand(at: Surroundings): Command {
  const command = new Command('restore')
    .description('make a cluster from a backup, after checking every file of it; up starts it')
    .argument('<file>', 'what backup has written')
    .option('--verify', 'only check the backup', false)
    .option('--cluster <name>', 'which name it gets (default: the one it had)')
    .action(async (file: string, { cluster, verify, output }: Flags) => {
      requireRoot();
      const { restore, verifyBackup } = await import('../cluster/backup/restore.ts');
      const work = verify ? verifyBackup(file, tmpdir()) : restore(file, { home: homeOf(at), cluster });
      const manifest = await work.catch((error: unknown) => {
        if (error instanceof NewerFormatError) throw error;
        throw new CommandFailure(error instanceof Error ? error.message : String(error), { cause: error });
      });
      const { objects, revision, takenAt, cluster: origin } = manifest;
      const name = cluster ?? origin;
      if (output === 'json') return printJson(at, { ...manifest, restoredAs: verify ? null : name });
      at.stdout.write(`${file}: ${objects} objects of cluster ${origin} at revision ${revision}, taken ${takenAt}\n`);
      at.stdout.write(verify ? 'It is whole.\n' : `Restored. ./knarr up --cluster ${name} starts it.\n`);
    });
  return documented(withOutput(command), {
    examples: [
      './knarr restore /srv/knarr.backup',
      './knarr restore /srv/knarr.backup --cluster again',
      './knarr restore --verify /srv/knarr.backup',
    ],
    exits: ['newer'],
  });
}
