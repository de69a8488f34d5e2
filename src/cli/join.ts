import { hostname } from 'node:os';
import { Command } from 'commander';
import { joinCluster, leaveCluster } from '../cluster/join.ts';
import { documented, withCluster } from './options.ts';
import { homeOf, programOf, requireRoot, stepsFor, type Surroundings } from './surroundings.ts';

interface JoinFlags {
  cluster: string;
  token?: string;
  caHash?: string;
  name?: string;
  address?: string;
  server?: boolean;
  key?: string;
}

/** `knarr join URL`: this machine becomes a node of a cluster elsewhere. */
export function joinCommand(at: Surroundings): Command {
  const command = new Command('join')
    .description('make this machine a node of a cluster on another one; again, start the node that it is')
    .argument('[url]', 'of the API server; needed the first time, as are token and hash')
    .option('--token <token>', 'from ./knarr token create')
    .option('--ca-hash <hash>', 'sha256:… of the cluster CA')
    .option('--name <name>', "name of the node; the machine's unless told")
    .option('--address <ip>', 'address of the node; the one that the server sees unless told')
    .option('--server', 'a server, too: one more API server, with a member of the etcd that they share')
    .option('--key <key>', 'from ./knarr token create --server')
    .action(async (server: string | undefined, { cluster, name, server: asServer, ...flags }: JoinFlags) => {
      requireRoot();
      const steps = stepsFor(at, 'text');
      const program = await programOf(at);
      const names = { cluster, name: name ?? hostname().toLowerCase() };
      const options = { ...flags, ...names, server, asServer, program, home: homeOf(at) };
      const joined = await joinCluster({ ...at, log: at.log.child({ cluster }), steps }, options);
      at.stdout.write(`\nThis machine is node ${joined.node} of ${joined.server}.\n`);
    });
  return documented(withCluster(command), {
    examples: ['./knarr join https://10.0.0.5:6443 --token abcdef.0123456789abcdef --ca-hash sha256:…', './knarr join'],
    exits: ['newer'],
  });
}

/** `knarr leave`: the way back. */
export function leaveCommand(at: Surroundings): Command {
  const command = new Command('leave')
    .description('end the node that this machine is, and remove all of it')
    .action(async ({ cluster }: { cluster: string }) => {
      requireRoot();
      const steps = stepsFor(at, 'text');
      const node = await leaveCluster({ ...at, log: at.log.child({ cluster }), steps }, { home: homeOf(at), cluster });
      const text = node ? `The cluster forgets it with kubectl delete node ${node}.` : 'This machine is no node.';
      at.stdout.write(`${text}\n`);
    });
  return documented(withCluster(command), { examples: ['./knarr leave'] });
}
