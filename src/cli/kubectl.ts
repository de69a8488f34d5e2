import { spawn } from 'node:child_process';
import { Command } from 'commander';
import { findCluster } from '../cluster/cluster-identity.ts';
import { findKubectl } from '../cluster/kubectl.ts';
import { withCluster } from './cli.ts';
import { CommandFailure, homeOf, rootOf, type Surroundings } from './surroundings.ts';

/** `knarr kubectl …`: the real kubectl, with this cluster's kubeconfig. */
export function kubectlCommand(at: Surroundings, finish: (code: number) => void): Command {
  return withCluster(new Command('kubectl'))
    .description('run kubectl against the cluster')
    .argument('[args...]', 'what kubectl understands')
    .allowUnknownOption()
    .passThroughOptions()
    .helpOption(false)
    .action(async (args: string[], { cluster }: { cluster: string }) => {
      const layout = await findCluster(homeOf(at), cluster);
      if (!layout) throw new CommandFailure(`there is no cluster "${cluster}" on this machine; knarr up makes one`);
      const kubectl = await findKubectl(rootOf(at), at);
      const child = spawn(kubectl, args, { stdio: 'inherit', env: { ...process.env, KUBECONFIG: layout.kubeconfig } });
      // Signals from the terminal reach kubectl itself; we end when it does.
      at.onStopSignal(() => child.kill('SIGTERM'));
      finish(await new Promise<number>((resolve) => child.on('close', (code) => resolve(code ?? 1))));
    });
}
