import { baseChains } from './base-chains.ts';
import type { Change, Transaction } from './diff.ts';
import { pickChains } from './pick-chain.ts';
import type { Ruleset } from './ruleset.ts';
import {
  type Chain,
  type Field,
  ownSets,
  type Rule,
  type SetName,
  type SetShape,
  type Statement,
  sets,
} from './table.ts';

/** The bit of the connection mark that says: leave the source address alone. */
const keepSourceBit = '0x4000';

const concat = (fields: readonly Field[]): string => fields.join(' . ');

/** A statement in nft's language; source: nft(8). */
export function statementText(s: Statement): string {
  if ('match' in s) return matchText(s);
  if ('set' in s) return setText(s);
  switch (s.end) {
    case 'translate':
      return `dnat ip to ${concat(s.key)} map @${s.map}`;
    case 'masquerade':
      return 'masquerade';
    case 'reject':
      return 'reject with icmp port-unreachable';
    case 'verdict':
      return s.verdict;
    case 'verdictFrom':
      return `${concat(s.key)} vmap @${s.map}`;
  }
}

function matchText(s: Extract<Statement, { match: string }>): string {
  switch (s.match) {
    case 'address':
      return `${s.field} ${s.negate ? '!= ' : ''}${s.block}`;
    case 'set':
      return `${concat(s.key)} @${s.set}`;
    case 'translated':
      return 'ct status dnat';
    case 'newFlow':
      return 'ct state new';
    case 'localSource':
      return 'fib saddr type local';
    case 'notLeavingBy':
      return `oifname != "${s.device}"`;
    case 'transport':
      return 'meta l4proto { tcp, udp, sctp }';
    case 'sourceKept':
      return `ct mark and ${keepSourceBit} == ${keepSourceBit}`;
  }
}

function setText(s: Extract<Statement, { set: string }>): string {
  // `match: 'set'` also has a member of this name; it never comes here.
  switch (s.set) {
    case 'randomSlot':
      return `meta mark set numgen random mod ${s.size}${s.offset > 0 ? ` offset ${s.offset}` : ''}`;
    case 'markFrom':
      return `meta mark set ${concat(s.key)} map @${s.map}`;
    case 'keepSource':
      return `ct mark set ct mark or ${keepSourceBit}`;
    case 'remember':
      return `update @${s.map} { ${concat(s.key)} timeout ${s.timeoutSeconds}s : meta mark }`;
    case 'forget':
      return `delete @${s.map} { ${concat(s.key)} : meta mark }`;
    default:
      throw new Error(`not a statement that sets: ${JSON.stringify(s)}`);
  }
}

const ruleText = (rule: Rule): string => rule.map(statementText).join(' ');

export function chainText(chain: Chain): string {
  const { base } = chain;
  const head = base ? [`type ${base.type} hook ${base.hook} priority ${base.priority}; policy accept;`] : [];
  const lines = [...head, ...chain.rules.map(ruleText)].map((line) => `    ${line}\n`);
  return `  chain ${chain.name} {\n${lines.join('')}  }\n`;
}

function declaration(name: SetName, shape: SetShape): string {
  const value =
    shape.value === undefined ? '' : ` : ${typeof shape.value === 'string' ? shape.value : shape.value.join(' . ')}`;
  const dynamic = shape.dynamic
    ? ` size ${shape.dynamic.size}; flags dynamic,timeout; timeout ${shape.dynamic.timeoutSeconds}s;`
    : '';
  return `  ${value ? 'map' : 'set'} ${name} { type ${shape.key.join(' . ')}${value};${dynamic} }\n`;
}

/** A script that makes the table exactly so, in one transaction, whatever was there before. */
export function replaceText(table: string, ruleset: Ruleset): string {
  const declarations = (Object.keys(sets) as SetName[]).map((name) => declaration(name, sets[name]));
  const chains = [...[...ruleset.picks.values()].flatMap(pickChains), ...baseChains(ruleset.addressing)];
  // The picks come after `refuse`, which names nothing; nothing names a chain that follows it.
  const body = [...declarations, ...chains.map(chainText)].join('');
  const elements = ownSets.map((set) => elementsText(table, 'add', { set, elements: [...ruleset.elements[set]] }));
  return `table ip ${table}\ndelete table ip ${table}\ntable ip ${table} {\n${body}}\n${elements.join('')}`;
}

/** A script that applies the transaction. */
export const transactionText = (table: string, transaction: Transaction): string =>
  transaction.map((change) => changeText(table, change)).join('');

function changeText(table: string, change: Change): string {
  if (change.op === 'addChain') return `table ip ${table} {\n${chainText(change.chain)}}\n`;
  return elementsText(table, change.op, change);
}

function elementsText(
  table: string,
  op: 'add' | 'delete',
  { set, elements }: { set: SetName; elements: readonly (readonly [string, string])[] },
): string {
  if (elements.length === 0) return '';
  const texts = elements.map(([key, value]) => (op === 'add' && value ? `${key} : ${value}` : key));
  return `${op} element ip ${table} ${set} { ${texts.join(', ')} }\n`;
}
