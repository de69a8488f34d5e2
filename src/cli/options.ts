import { type Command, InvalidArgumentError, Option } from 'commander';
import type { ServingOptions } from '../api/served-versions.ts';
import { defaultClusterName } from '../cluster/layout.ts';
import { type ExitReason, exitCodes, exitTexts } from './exit-codes.ts';

/** `--cluster NAME`, the same on every command. */
export const withCluster = (command: Command): Command =>
  command.option('--cluster <name>', 'which cluster of this machine', defaultClusterName);

export type OutputFormat = 'text' | 'json';

/** `--output text|json`. With json, standard output has one JSON document and nothing else; progress goes to standard error. */
export const withOutput = (command: Command): Command =>
  command.addOption(
    new Option('-o, --output <format>', 'text for people, json for programs').choices(['text', 'json']).default('text'),
  );

export interface ServingFlags {
  runtimeConfig?: Record<string, boolean>;
  serveRemoved?: boolean;
}

/** Which versions of the built-in kinds are served; the first flag is kube-apiserver's own. */
export const withServing = (command: Command): Command =>
  command
    .option('--runtime-config <list>', 'versions on or off: api/beta=true,resource.k8s.io/v1beta1=true', switches)
    .option('--serve-removed', 'also serve versions that Kubernetes 1.20 had and this release has not')
    .option('--no-serve-removed', 'do not serve them any more');

function switches(text: string): Record<string, boolean> {
  const entries = text.split(',').map((entry): [string, boolean] => {
    const [name = '', value = 'true'] = entry.split('=');
    if (!name || (value !== 'true' && value !== 'false'))
      throw new InvalidArgumentError(`"${entry}" is not NAME=true or NAME=false`);
    return [name, value === 'true'];
  });
  return Object.fromEntries(entries);
}

/** Undefined: nothing was said. */
export function servingOf({ runtimeConfig, serveRemoved }: ServingFlags): ServingOptions | undefined {
  if (runtimeConfig === undefined && serveRemoved === undefined) return undefined;
  return {
    ...(runtimeConfig === undefined ? {} : { runtimeConfig }),
    ...(serveRemoved === undefined ? {} : { removed: serveRemoved }),
  };
}

/** Examples and exit codes at the end of a command's `--help`. `exits`: besides done, failed and usage. */
export function documented(
  command: Command,
  { examples, exits = [] }: { examples: string[]; exits?: ExitReason[] },
): Command {
  const reasons: ExitReason[] = ['done', 'failed', 'usage', ...exits];
  const codes = reasons.map((reason) => `  ${exitCodes[reason]}  ${exitTexts[reason]}`);
  const shown = examples.map((example) => `  $ ${example}`);
  return command.addHelpText('after', `\nExamples:\n${shown.join('\n')}\n\nExit codes:\n${codes.join('\n')}`);
}
