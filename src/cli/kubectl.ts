import { spawn } from 'node:child_process';
import { Command } from 'commander';
import { findKubectl } from '../cluster/kubectl.ts';
import { documented, withCluster } from './options.ts';
import { existingCluster, rootOf, type Surroundings } from './surroundings.ts';

/** `knarr kubectl …`: the real kubectl, with this cluster's kubeconfig. */
export function kubectlCommand(at: Surroundings, finish: (code: number) => void): Command {
  const command = withCluster(new Command('kubectl'))
    .description('run the real kubectl against the cluster; ends with its exit code')
    .argument('[args...]', 'what kubectl understands')
    .allowUnknownOption()
    .passThroughOptions()
    .action(async (args: string[], { cluster }: { cluster: string }) => {
      const layout = await existingCluster(at, cluster);
      const kubectl = await findKubectl(rootOf(at), at);
      const child = spawn(kubectl, args, { stdio: 'inherit', env: { ...process.env, KUBECONFIG: layout.kubeconfig } });
      // Signals from the terminal reach kubectl itself; we end when it does.
      at.onStopSignal(() => child.kill('SIGTERM'));
      finish(await new Promise<number>((resolve) => child.on('close', (code) => resolve(code ?? 1))));
    });
  return documented(command, {
    examples: ['./knarr kubectl get pods -A', './knarr kubectl --cluster two get nodes', './knarr kubectl help'],
    exits: ['noCluster'],
  });
}
