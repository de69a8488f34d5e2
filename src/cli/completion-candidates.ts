import type { Command, Option } from 'commander';
import { defaultClusterName } from '../cluster/layout.ts';

/** What may stand in the last place, or a question for kubectl. No candidates at all: a file's name. */
export type Candidates = { candidates: string[] } | { kubectl: string[]; cluster: string };

/** `words`: everything after `knarr`, the last one unfinished. */
export function candidatesFor(program: Command, words: readonly string[], clusters: readonly string[]): Candidates {
  const current = words.at(-1) ?? '';
  let command = program;
  let cluster: string = defaultClusterName;
  let pending: Option | undefined;
  for (const [i, word] of words.slice(0, -1).entries()) {
    if (pending) {
      if (pending.long === '--cluster') cluster = word;
      pending = undefined;
    } else if (word.startsWith('-')) {
      pending = command.options.find((option) => option.required && (option.long === word || option.short === word));
    } else if (command.name() === 'kubectl') {
      return { kubectl: words.slice(i), cluster };
    } else {
      command = childrenOf(command).find((child) => namesOf(child).includes(word)) ?? command;
    }
  }
  if (pending) return { candidates: matching(valuesOf(pending, clusters), current) };
  if (command.name() === 'kubectl' && !current.startsWith('-')) return { kubectl: [current], cluster };
  if (current.startsWith('-')) return { candidates: matching(flagsOf(command), current) };
  const places = command.registeredArguments.flatMap((argument) => argument.argChoices ?? []);
  return { candidates: matching([...childrenOf(command).map((child) => child.name()), ...places], current) };
}

/** Commands whose names begin like this are for programs. */
const childrenOf = (command: Command): readonly Command[] =>
  command.commands.filter((child) => !child.name().startsWith('_'));

const namesOf = (command: Command): string[] => [command.name(), ...command.aliases()];

const flagsOf = (command: Command): string[] => [...command.options.flatMap((option) => option.long ?? []), '--help'];

const valuesOf = (option: Option, clusters: readonly string[]): readonly string[] =>
  option.long === '--cluster' ? clusters : (option.argChoices ?? []);

const matching = (all: readonly string[], begin: string): string[] =>
  all.filter((candidate) => candidate.startsWith(begin));
