import { join } from 'node:path';
import { buildLabel } from '../build.ts';
import { etcdServiceName, nodeServiceName, type Program, registryServiceName } from '../services.ts';
import type { Service } from '../supervisor.ts';

/** Where an administrator's units live: those of packages are elsewhere. */
export const unitDir = '/etc/systemd/system';

export const unitPath = (dir: string, unit: string): string => join(dir, unit);

/** The unit that stands for a whole cluster: stopping it stops all of them. */
export const baseUnit = (cluster: string): string => `knarr@${cluster}.service`;
export const serviceUnit = (cluster: string, service: string): string => `knarr-${service}@${cluster}.service`;

/** Which build a unit was written for; systemd leaves keys with X- alone. */
const buildKey = 'X-KnarrBuild';

/** The label of the build in a unit's text. */
export const buildLabelIn = (text: string): string | undefined => new RegExp(`^${buildKey}=(.+)$`, 'm').exec(text)?.[1];

/** The words of a command line, or a variable's assignment, as systemd reads them (systemd.service(5), systemd.syntax(7)). */
export function quoted(word: string): string {
  const text = word.replaceAll('%', '%%').replaceAll('$', '$$$$');
  if (/^[\w@%+=:,./$-]+$/.test(text)) return text;
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}

const commandText = (words: readonly string[]): string => words.map(quoted).join(' ');

/** An assignment in Environment=, where a dollar sign means nothing. */
const environmentLines = (env: Record<string, string>): string[] =>
  Object.entries(env).map(([name, value]) => `Environment=${quoted(`${name}=${value}`).replaceAll('$$', '$')}`);

export interface BaseUnit {
  cluster: string;
  /** Of all clusters. */
  home: string;
  program: Program;
  env: Record<string, string>;
}

/**
 * Makes the network when the machine starts, ends containers, runtimes and network when it stops: a shutdown would wait
 * for processes that do not heed its signal. Ordered after what else may come at start, without waiting for a network that
 * may never come; nftables.service empties the ruleset when it starts.
 */
export function renderBaseUnit({ cluster, home, program, env }: BaseUnit): string {
  const command = (verb: string) => commandText([...program.command, verb, '--cluster', cluster]);
  return `[Unit]
Description=knarr cluster ${cluster}
After=network-online.target nftables.service
RequiresMountsFor=${commandText([home, program.root])}

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=${command('boot')}
ExecStop=${command('halt')}
${environmentLines(env).join('\n')}

[Install]
WantedBy=multi-user.target
`;
}

export interface ServiceUnit {
  cluster: string;
  service: Service;
  /** Units that it should come after. */
  after: readonly string[];
}

/**
 * A server or node agent. It tells when it is ready (sd_notify(3)). KillMode=process for a node: the agent is restarted
 * without its runtime and that one's shims, which are of its unit. Without a limit on starts: a cluster never gives up.
 */
export function renderServiceUnit({ cluster, service, after }: ServiceUnit): string {
  const base = baseUnit(cluster);
  // Debian's registry does not tell; its etcd may have to wait for other members first.
  const isOurs = service.name !== registryServiceName && service.name !== etcdServiceName;
  return `[Unit]
Description=knarr ${service.name.replace('-', ' ')} of cluster ${cluster}
After=${[base, ...after].join(' ')}
Requires=${base}
PartOf=${base}
StartLimitIntervalSec=0
${buildKey}=${buildLabel(service.build)}

[Service]
${isOurs ? 'Type=notify\nNotifyAccess=all' : 'Type=exec'}
ExecStart=${commandText(service.command)}
${environmentLines({ HOME: '/root', ...service.env }).join('\n')}
Restart=always
RestartSec=1
TimeoutStartSec=300
TimeoutStopSec=30
KillMode=${service.name.startsWith(nodeServiceName('')) ? 'process' : 'mixed'}
LimitNOFILE=1048576
TasksMax=infinity
OOMScoreAdjust=-900

[Install]
WantedBy=${base}
`;
}
