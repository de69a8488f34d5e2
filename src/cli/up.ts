import { Command, InvalidArgumentError, Option } from 'commander';
import { isIPv4 } from '../base/ipv4.ts';
import { maxNodes } from '../cluster/network/layout.ts';
import { userKubeconfigPath } from '../cluster/kubeconfig/user-file.ts';
import { demoImage } from '../cluster/images/base-images.ts';
import { secondsText, type Steps } from '../cluster/steps.ts';
import { up, type UpResult } from '../cluster/up.ts';
import {
  documented,
  type OutputFormat,
  servingOf,
  type ServingFlags,
  withCluster,
  withOutput,
  withServing,
} from './options.ts';
import { homeOf, printJson, programOf, requireRoot, stepsFor, type Surroundings } from './surroundings.ts';

interface Flags extends ServingFlags {
  cluster: string;
  nodes?: number;
  advertise?: string;
  registry?: boolean;
  etcd?: boolean;
  demo?: boolean;
  kubeconfig: boolean;
  output: OutputFormat;
}

/** `knarr up`: from nothing, or from whatever is there, to a running cluster. */
export function upCommand(at: Surroundings): Command {
  const command = new Command('up')
    .description('start a cluster on this machine, or upgrade a running one; installs what is missing')
    .addOption(new Option('--nodes <count>', 'how many nodes, at least; those that there are stay').argParser(countOf))
    .addOption(
      new Option('--advertise <ip>', 'let other machines join, by this address of this machine').argParser(addressOf),
    )
    .option('--etcd', 'keep the state of a new cluster in an etcd, so that other servers can join (with --advertise)')
    .option('--registry', 'run a registry that takes pushes, and pull from it; from then on the cluster has it')
    .option('--demo', 'run the demo workload; a new cluster has it unless told')
    .option('--no-demo', 'do not run the demo workload')
    .option('--no-kubeconfig', "do not put a context into the user's kubeconfig ($KUBECONFIG or ~/.kube/config)")
    .action(async ({ cluster, kubeconfig, output, ...flags }: Flags) => {
      requireRoot();
      const steps = stepsFor(at, output);
      const log = at.log.child({ cluster });
      const userKubeconfig = kubeconfig ? userKubeconfigPath(at.env) : undefined;
      const program = await programOf(at);
      const options = { ...flags, serving: servingOf(flags), home: homeOf(at), cluster, program, userKubeconfig };
      const result = await up({ ...at, log, steps }, options);
      if (output === 'json') printJson(at, asJson(result, steps));
      else at.stdout.write(farewell(result, steps.seconds));
    });
  return documented(withOutput(withCluster(withServing(command))), {
    examples: [
      './knarr up',
      './knarr up --nodes 3',
      './knarr up --cluster two --no-demo     a second one beside it',
      './knarr up --etcd --advertise 10.0.0.5     the first of several servers',
      './knarr up --serve-removed             for manifests of extensions/v1beta1 and the like',
      './knarr up --output json | jq -r .kubeconfig',
    ],
    exits: ['newer'],
  });
}

function countOf(text: string): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= 1 && count <= maxNodes) return count;
  throw new InvalidArgumentError(`It is a number from 1 to ${maxNodes}.`);
}

function addressOf(text: string): string {
  if (isIPv4(text)) return text;
  throw new InvalidArgumentError('It is an IPv4 address of this machine.');
}

function asJson({ layout, was, nodes, demo, context }: UpResult, steps: Steps): unknown {
  return {
    cluster: layout.name,
    was,
    server: layout.apiUrl,
    kubeconfig: layout.kubeconfig,
    context: context ?? null,
    nodes,
    demo: demo ? `http://${demo}/` : null,
    seconds: steps.seconds,
    steps: steps.records,
  };
}

const outcomes = { running: 'runs already', stopped: 'is up', replaced: 'is up, upgraded' };

function farewell({ layout, was, demo, context }: UpResult, seconds: number): string {
  const flag = layout.name === 'knarr' ? '' : ` --cluster ${layout.name}`;
  const things = [
    `./knarr kubectl${flag} get pods -A -o wide${context ? `      (or any kubectl, with --context ${context})` : ''}`,
    demo ? `curl http://${demo}/` : `./knarr kubectl${flag} create deployment web --image ${demoImage}`,
    demo ? `./knarr kubectl${flag} scale deployment demo --replicas 5` : `./knarr status${flag}`,
  ];
  const lines = things.map((thing) => `  ${thing}`).join('\n');
  return `\nCluster ${layout.name} ${outcomes[was]} (${secondsText(seconds)}). Three things to try:\n${lines}\n`;
}
