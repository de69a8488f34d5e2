import { Command } from 'commander';
import { type ClusterStatus, clusterStatus } from '../cluster/status.ts';
import { exitCodes } from './exit-codes.ts';
import { documented, type OutputFormat, withCluster, withOutput } from './options.ts';
import { existingCluster, printJson, type Surroundings } from './surroundings.ts';

/** `knarr status`: what runs, what answers; its exit code says whether all is well. */
export function statusCommand(at: Surroundings, finish: (code: number) => void): Command {
  const command = new Command('status')
    .description('show health, versions, nodes, certificates, addresses and folders of a cluster')
    .action(async ({ cluster, output }: { cluster: string; output: OutputFormat }) => {
      const layout = await existingCluster(at, cluster);
      const status = await clusterStatus(at, layout);
      if (output === 'json') printJson(at, status);
      else at.stdout.write(`${statusLines(status).join('\n')}\n`);
      if (!status.healthy) finish(exitCodes.unhealthy);
    });
  return documented(withOutput(withCluster(command)), {
    examples: ['./knarr status', './knarr status --output json | jq -r \'.certificates[] | .name + " " + .notAfter\''],
    exits: ['noCluster', 'unhealthy', 'newer'],
  });
}

/** The report for people. */
export function statusLines(status: ClusterStatus): string[] {
  const { services, server, nodes, pods, certificates, addresses, ports, folders } = status;
  const verdict = status.healthy ? 'healthy' : 'not healthy';
  return [
    `cluster ${status.cluster}: ${verdict}`,
    ...status.problems.map((problem) => `  ! ${problem}`),
    '',
    'services',
    ...table(
      services.map((s) => [
        s.name,
        s.running ? `running, pid ${s.pid}` : 'not running',
        s.version ? `knarr ${s.version}` : '',
      ]),
    ),
    'API server',
    ...table([
      ['address', server.url],
      ['version', server.kubernetes ?? 'unknown'],
      ...(['livez', 'readyz'] as const).map((endpoint) => [
        endpoint,
        checksText(server.checks.filter((c) => c.endpoint === endpoint)),
      ]),
    ]),
    'nodes',
    ...table(
      nodes.map((n) => {
        const state = `${n.ready ? 'Ready' : 'NotReady'}${n.cutOff ? ', cut off' : ''}`;
        return [n.name, state, n.address, n.podCIDR, n.version, n.runtime];
      }),
    ),
    'pods',
    ...table([
      ['all', String(pods.total)],
      ...Object.entries(pods.byPhase).map(([phase, count]) => [phase, String(count)]),
    ]),
    'certificates',
    ...table(certificates.map((c) => [c.name, `until ${c.notAfter.slice(0, 10)}`, `${c.daysLeft} days`, c.state])),
    'addresses',
    ...table([...Object.entries(addresses), ...ports.map((p) => [`port ${p.name}`, `${p.address}:${p.port}`])]),
    'folders',
    ...table(Object.entries(folders)),
  ];
}

const checksText = (checks: ClusterStatus['server']['checks']): string =>
  checks.length === 0 ? 'no answer' : checks.map(({ name, ok }) => `${name} ${ok ? 'ok' : 'FAILS'}`).join(', ');

/** Columns as wide as their widest cell; the last one is left as it is. */
function table(rows: string[][]): string[] {
  if (rows.length === 0) return ['  none'];
  const width = (column: number) => Math.max(...rows.map((row) => (row[column] ?? '').length));
  return rows.map((row) =>
    `  ${row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(width(i)))).join('  ')}`.trimEnd(),
  );
}
