import { Command } from 'commander';
import { nodes, pods } from '../api/generated/resources.ts';
import { adminClient } from '../cluster/admin-client.ts';
import { findCluster } from '../cluster/cluster-identity.ts';
import type { ClusterLayout } from '../cluster/layout.ts';
import { localNodes } from '../cluster/local-nodes.ts';
import { serviceStatus } from '../cluster/supervisor.ts';
import { withCluster } from './cli.ts';
import { homeOf, type Surroundings } from './surroundings.ts';

/** `knarr status`: what runs, what answers; exit code 1 when something that should does not. */
export function statusCommand(at: Surroundings, finish: (code: number) => void): Command {
  return withCluster(new Command('status'))
    .description('show what runs of a cluster')
    .action(async ({ cluster }: { cluster: string }) => {
      const layout = await findCluster(homeOf(at), cluster);
      if (!layout) {
        at.stdout.write(`there is no cluster "${cluster}" on this machine\n`);
        finish(1);
        return;
      }
      const healthy = await report(at, layout);
      if (!healthy) finish(1);
    });
}

async function report(at: Surroundings, layout: ClusterLayout): Promise<boolean> {
  const line = (name: string, text: string) => at.stdout.write(`${name.padEnd(16)} ${text}\n`);
  line('cluster', `${layout.name}, in ${layout.dir}`);
  line('kubeconfig', layout.kubeconfig);
  const names = ['server', ...(await localNodes(layout)).map((name) => `node-${name}`)];
  let healthy = true;
  for (const name of names) {
    const { running, pid } = await serviceStatus(layout, name);
    healthy &&= running;
    line(name, running ? `running, pid ${pid}` : 'not running');
  }
  if (!healthy) return false;
  const admin = await adminClient(layout, at);
  try {
    line('API server', layout.apiUrl);
    for (const node of (await admin.client.list(nodes)).items) {
      const ready = node.status.conditions?.find((condition) => condition.type === 'Ready')?.status === 'True';
      healthy &&= ready;
      const address = node.status.addresses?.find(({ type }) => type === 'InternalIP')?.address;
      line(
        `  ${node.metadata.name}`,
        `${ready ? 'Ready' : 'NotReady'}, ${address}, ${node.status.nodeInfo?.kubeletVersion}`,
      );
    }
    const all = (await admin.client.list(pods)).items;
    const running = all.filter((pod) => pod.status.phase === 'Running').length;
    line('pods', `${running} of ${all.length} running`);
  } catch (error) {
    line('API server', `does not answer: ${error instanceof Error ? error.message : error}`);
    return false;
  } finally {
    admin.close();
  }
  return healthy;
}
