import { CommandError, outputOf, type RunCommand } from '../host/command.ts';
import { type Nft, NftError } from './nft.ts';
import type { Elements } from './table.ts';
import { replaceText, transactionText } from './text.ts';

/** A value in nft's JSON: text, number, a concatenation, a verdict, or an element with its timeout around it. */
type NftJson =
  | string
  | number
  | {
      concat?: NftJson[];
      goto?: { target: string };
      drop?: null;
      elem?: { val: NftJson };
      prefix?: { addr: string; len: number };
    };

/** The kernel's nftables by the `nft` program, in the network namespace that `run` works in. */
export function execNft({ run }: { run: RunCommand }, { table }: { table: string }): Nft {
  const script = async (input: string): Promise<void> => {
    if (input === '') return;
    try {
      await outputOf(run, { program: 'nft', args: ['-f', '-'], input });
    } catch (error) {
      throw error instanceof CommandError ? new NftError(error.result.stderr.slice(0, 2000), { cause: error }) : error;
    }
  };
  return {
    replace: (content) => script(replaceText(table, content)),
    apply: (transaction) => script(transactionText(table, transaction)),
    // Declaring it first makes the removal of a missing table a success.
    remove: () => script(`table ip ${table}\ndelete table ip ${table}\n`),
    async list(set) {
      const tables = JSON.parse(await outputOf(run, { program: 'nft', args: ['-j', 'list', 'tables'] }));
      const isOurs = (entry: { table?: { family: string; name: string } }) =>
        entry.table?.family === 'ip' && entry.table.name === table;
      if (!tables.nftables.some(isOurs)) return undefined;
      return listElements(await outputOf(run, { program: 'nft', args: ['-j', 'list', 'table', 'ip', table] }), set);
    },
  };
}

function listElements(json: string, set: string): Elements {
  const { nftables } = JSON.parse(json) as {
    nftables: { set?: { name: string; elem?: unknown[] }; map?: { name: string; elem?: unknown[] } }[];
  };
  const found = nftables.map((entry) => entry.set ?? entry.map).find((entry) => entry?.name === set);
  const elements = new Map<string, string>();
  for (const element of found?.elem ?? []) {
    // Maps list [key, value] pairs, sets bare keys.
    if (Array.isArray(element)) elements.set(text(element[0]), text(element[1]));
    else elements.set(text(element as NftJson), '');
  }
  return elements;
}

function text(value: NftJson): string {
  if (typeof value !== 'object') return String(value);
  if (value.elem) return text(value.elem.val);
  if (value.concat) return value.concat.map(text).join(' . ');
  if (value.prefix) return `${value.prefix.addr}/${value.prefix.len}`;
  if (value.goto) return `goto ${value.goto.target}`;
  return Object.keys(value)[0] ?? '';
}
