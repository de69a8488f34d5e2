import { Command, InvalidArgumentError, Option } from 'commander';
import { hasEtcd } from '../cluster/etcd/etcd-service.ts';
import { createToken } from '../cluster/token.ts';
import { documented, type OutputFormat, withCluster, withOutput } from './options.ts';
import { CommandFailure, existingCluster, printJson, type Surroundings } from './surroundings.ts';

interface Flags {
  cluster: string;
  ttl: number;
  server?: boolean;
  output: OutputFormat;
}

/** `knarr token create`: what lets another machine in. */
export function tokenCommand(at: Surroundings): Command {
  return new Command('token').description('tokens with which other machines join').addCommand(createCommand(at));
}

function createCommand(at: Surroundings): Command {
  const ttl = new Option('--ttl <hours>', 'how long it lets machines in').argParser(hoursOf).default(24);
  const command = new Command('create')
    .description('print the command that makes another machine a node')
    .addOption(ttl)
    .option('--server', 'a node and one more server: what it prints gives away the keys of the cluster')
    .action(async ({ cluster, ttl: hours, server: forServers, output }: Flags) => {
      const layout = await existingCluster(at, cluster);
      const { advertisedUrl: server } = layout;
      if (!server) {
        const how = `./knarr up --cluster ${cluster} --advertise ADDRESS`;
        throw new CommandFailure(`no other machine reaches this cluster: ${how} lets them`);
      }
      if (forServers && !hasEtcd(layout)) {
        throw new CommandFailure(
          `cluster ${cluster} has one server: several share an etcd, which ./knarr up --etcd --advertise ADDRESS gives a new cluster`,
        );
      }
      const servers = forServers && hasEtcd(layout) ? layout : undefined;
      const made = { server, ...(await createToken(at, layout, { hours, servers })) };
      const name = cluster === 'knarr' ? '' : ` --cluster ${cluster}`;
      const words = `./knarr join ${server}${name} --token ${made.token} --ca-hash ${made.caHash}${made.serverKey ? ` --server --key ${made.serverKey}` : ''}`;
      if (output === 'json') printJson(at, { ...made, command: words });
      else at.stdout.write(`${words}\n`);
    });
  return documented(withOutput(withCluster(command)), {
    examples: ['./knarr token create', './knarr token create --ttl 1 -o json | jq -r .command'],
    exits: ['noCluster'],
  });
}

function hoursOf(text: string): number {
  const hours = Number(text);
  if (hours > 0 && hours <= 24 * 365) return hours;
  throw new InvalidArgumentError('It is a number of hours, at most a year.');
}
