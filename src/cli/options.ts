import { type Command, Option } from 'commander';
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
