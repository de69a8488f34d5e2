import { Command } from 'commander';
import { kubeletVersion } from '../kubelet/node/node-object.ts';
import { documented, type OutputFormat, withOutput } from './options.ts';
import { printJson, programOf, type Surroundings } from './surroundings.ts';

/** `knarr version`: of the program, the API it speaks, and what it runs on. */
export function versionCommand(at: Surroundings): Command {
  const command = new Command('version')
    .description('show the version of knarr, of the Kubernetes API it speaks, and of Node.js')
    .action(async ({ output }: { output: OutputFormat }) => {
      const { build } = await programOf(at);
      const versions = { knarr: build.version, build: build.id, kubernetes: kubeletVersion, node: process.version };
      if (output === 'json') printJson(at, versions);
      else for (const [name, version] of Object.entries(versions)) at.stdout.write(`${name.padEnd(11)} ${version}\n`);
    });
  return documented(withOutput(command), { examples: ['./knarr version --output json'] });
}
