import { formatIPv4 } from '../base/ipv4.ts';
import type { Range } from '../base/ranges.ts';
import type { Chain, Change, Elements, Field, Rule, SetShape, Statement, TableContent, Transaction } from './table.ts';

/** The bit of the connection mark that says: leave the source address alone. */
const keepSourceBit = '0x4000';

const concat = (fields: readonly Field[]): string => fields.join(' . ');

const rangeText = ([first, last]: Range, text: (value: number) => string): string =>
  first === last ? text(first) : `${text(first)}-${text(last)}`;

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
    case 'addressIn':
      return `${s.field} { ${s.ranges.map((range) => rangeText(range, formatIPv4)).join(', ')} }`;
    case 'portIn':
      return `${s.protocol} dport { ${s.ranges.map((range) => rangeText(range, String)).join(', ')} }`;
    case 'set':
      return `${concat(s.key)} ${s.negate ? '!= ' : ''}@${s.in}`;
    case 'translated':
      return 'ct status dnat';
    case 'newFlow':
      return 'ct state new';
    case 'knownFlow':
      return 'ct state established,related';
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
  }
}

const ruleText = (rule: Rule): string => rule.map(statementText).join(' ');

export function chainText(chain: Chain): string {
  const { base } = chain;
  const head = base ? [`type ${base.type} hook ${base.hook} priority ${base.priority}; policy accept;`] : [];
  const lines = [...head, ...chain.rules.map(ruleText)].map((line) => `    ${line}\n`);
  return `  chain ${chain.name} {\n${lines.join('')}  }\n`;
}

function declaration(name: string, { key, value, interval, dynamic }: SetShape): string {
  const valueText = value === undefined ? '' : ` : ${typeof value === 'string' ? value : value.join(' . ')}`;
  const flags = [...(interval ? ['interval'] : []), ...(dynamic ? ['dynamic,timeout'] : [])];
  const parts = [
    `type ${key.join(' . ')}${valueText};`,
    ...(dynamic ? [`size ${dynamic.size};`] : []),
    ...(flags.length > 0 ? [`flags ${flags.join(',')};`] : []),
    ...(dynamic ? [`timeout ${dynamic.timeoutSeconds}s;`] : []),
  ];
  return `  ${valueText ? 'map' : 'set'} ${name} { ${parts.join(' ')} }\n`;
}

/** A script that makes the table exactly so, in one transaction, whatever was there before. */
export function replaceText(table: string, { sets, chains, elements }: TableContent): string {
  const declarations = Object.entries(sets).map(([name, shape]) => declaration(name, shape));
  const body = [...declarations, ...chains.map(chainText)].join('');
  const filled = Object.entries(elements).map(([set, of]) => elementsText(table, 'add', { set, elements: of }));
  return `table ip ${table}\ndelete table ip ${table}\ntable ip ${table} {\n${body}}\n${filled.join('')}`;
}

/** A script that applies the transaction. */
export const transactionText = (table: string, transaction: Transaction): string =>
  transaction.map((change) => changeText(table, change)).join('');

function changeText(table: string, change: Change): string {
  switch (change.op) {
    case 'addSet':
      return `table ip ${table} {\n${declaration(change.set, change.shape)}}\n`;
    case 'addChain':
      return `table ip ${table} {\n${chainText(change.chain)}}\n`;
    case 'deleteChain':
      return `delete chain ip ${table} ${change.name}\n`;
    case 'deleteSet':
      return `delete set ip ${table} ${change.name}\n`;
    default:
      return elementsText(table, change.op, change);
  }
}

function elementsText(
  table: string,
  op: 'add' | 'delete',
  { set, elements }: { set: string; elements: Elements | readonly (readonly [string, string])[] },
): string {
  const texts = Array.from(elements, ([key, value]) => (op === 'add' && value ? `${key} : ${value}` : key));
  return texts.length === 0 ? '' : `${op} element ip ${table} ${set} { ${texts.join(', ')} }\n`;
}
