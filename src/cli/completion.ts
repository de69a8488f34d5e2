import { Argument, Command } from 'commander';
import { findCluster, listClusters } from '../cluster/cluster-identity.ts';
import { findKubectl } from '../cluster/kubectl.ts';
import { candidatesFor } from './completion-candidates.ts';
import { completionScripts, type Shell } from './completion-scripts.ts';
import { documented } from './options.ts';
import { homeOf, rootOf, type Surroundings } from './surroundings.ts';

/** `knarr completion SHELL`: a script for the shell; what can stand where is asked of `knarr __complete`. */
export function completionCommand(at: Surroundings): Command {
  const command = new Command('completion')
    .description('print the completion script of a shell: commands, flags, cluster names, and all of kubectl')
    .addArgument(new Argument('<shell>', 'which shell').choices(Object.keys(completionScripts)))
    .action((shell: Shell) => void at.stdout.write(completionScripts[shell]));
  return documented(command, {
    examples: [
      'source <(./knarr completion bash)',
      './knarr completion zsh >~/.zfunc/_knarr',
      './knarr completion fish >~/.config/fish/completions/knarr.fish',
    ],
  });
}

/** Called by the scripts with the words so far, the last one unfinished; prints one candidate a line. */
export function completeCommand(at: Surroundings, program: Command): Command {
  return new Command('__complete')
    .argument('[words...]')
    .allowUnknownOption()
    .passThroughOptions()
    .helpOption(false)
    .action(async (words: string[]) => {
      const home = homeOf(at);
      const clusters = (await listClusters(home)).map(({ name }) => name);
      const found = candidatesFor(program, words, clusters);
      const lines = 'kubectl' in found ? await askKubectl(at, found) : found.candidates;
      for (const line of lines) at.stdout.write(`${line}\n`);
    });
}

/** kubectl completes itself, names of objects included; its last line (`:4`) is for the shell functions it brings. */
async function askKubectl(
  at: Surroundings,
  { kubectl, cluster }: { kubectl: string[]; cluster: string },
): Promise<string[]> {
  const layout = await findCluster(homeOf(at), cluster);
  const config = layout ? [`KUBECONFIG=${layout.kubeconfig}`] : [];
  const args = [...config, await findKubectl(rootOf(at), at), '__complete', ...kubectl];
  const { stdout } = await at.run({ program: 'env', args });
  const lines = stdout
    .split('\n')
    .filter((line) => line !== '' && !/^:\d+$/.test(line) && !line.startsWith('_activeHelp_'));
  return lines.map((line) => line.split('\t')[0] as string);
}
