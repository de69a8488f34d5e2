import { type Nft, NftError } from './nft.ts';
import type { Chain, Change, Elements, TableContent, Transaction } from './table.ts';

/** A table as the kernel would hold it; the sets that packets fill, too. */
export interface FakeTable {
  chains: Map<string, Chain>;
  elements: Map<string, Map<string, string>>;
}

/** nftables in memory, as transactional as the kernel: a transaction that fails anywhere changes nothing. */
export class FakeNft implements Nft {
  table: FakeTable | undefined;
  /** Transactions so far, replacements included. */
  transactions = 0;
  /** Makes the next call fail before anything changes. */
  failNext: Error | undefined;

  async replace({ sets, chains, elements }: TableContent): Promise<void> {
    this.#count();
    const table: FakeTable = { chains: new Map(), elements: new Map() };
    for (const [set, shape] of Object.entries(sets)) change(table, { op: 'addSet', set, shape });
    for (const chain of chains) change(table, { op: 'addChain', chain });
    for (const [set, of] of Object.entries(elements)) change(table, { op: 'add', set, elements: [...of] });
    this.table = table;
  }

  async apply(transaction: Transaction): Promise<void> {
    this.#count();
    if (transaction.length === 0) return;
    if (!this.table) throw new NftError('no such table');
    const copy: FakeTable = {
      chains: new Map(this.table.chains),
      elements: new Map(Array.from(this.table.elements, ([name, elements]) => [name, new Map(elements)])),
    };
    for (const one of transaction) change(copy, one);
    this.table = copy;
  }

  async list(set: string): Promise<Elements | undefined> {
    return this.table && new Map(this.table.elements.get(set));
  }

  async remove(): Promise<void> {
    this.table = undefined;
  }

  #count(): void {
    this.transactions++;
    const error = this.failNext;
    this.failNext = undefined;
    if (error) throw error;
  }
}

function change(table: FakeTable, one: Change): void {
  switch (one.op) {
    case 'addSet':
      if (!table.elements.has(one.set)) table.elements.set(one.set, new Map());
      return;
    case 'addChain':
      if (!table.chains.has(one.chain.name)) addChain(table, one.chain);
      return;
    case 'deleteSet':
      if (namesSet(table, one.name)) throw new NftError(`set is in use: ${one.name}`);
      if (!table.elements.delete(one.name)) throw new NftError(`no such set: ${one.name}`);
      return;
    case 'deleteChain':
      if (namesChain(table, one.name)) throw new NftError(`chain is in use: ${one.name}`);
      if (!table.chains.delete(one.name)) throw new NftError(`no such chain: ${one.name}`);
      return;
    default:
      changeElements(table, one);
  }
}

/** What a chain's rules name must be there before it. */
function addChain(table: FakeTable, chain: Chain): void {
  for (const statement of chain.rules.flat()) {
    const set = 'map' in statement ? statement.map : setOf(statement);
    if (set !== undefined && !table.elements.has(set)) throw new NftError(`no such set: ${set}`);
    const target = 'verdict' in statement ? targetOf(statement.verdict) : undefined;
    if (target && !table.chains.has(target)) throw new NftError(`no such chain: ${target}`);
  }
  table.chains.set(chain.name, chain);
}

const setOf = (statement: Chain['rules'][0][0]): string | undefined =>
  'match' in statement && statement.match === 'set' ? statement.in : undefined;

const targetOf = (verdict: string): string | undefined => /^(?:goto|jump) (.*)$/.exec(verdict)?.[1];

const statementsOf = (table: FakeTable) => [...table.chains.values()].flatMap(({ rules }) => rules.flat());

const namesSet = (table: FakeTable, name: string): boolean =>
  statementsOf(table).some((s) => ('map' in s ? s.map : setOf(s)) === name);

const namesChain = (table: FakeTable, name: string): boolean =>
  statementsOf(table).some((s) => 'verdict' in s && targetOf(s.verdict) === name) ||
  [...table.elements.values()].some((elements) => [...elements.values()].some((value) => targetOf(value) === name));

function changeElements(table: FakeTable, one: Extract<Change, { op: 'add' | 'delete' }>): void {
  const elements = table.elements.get(one.set);
  if (!elements) throw new NftError(`no such set: ${one.set}`);
  for (const [key, value] of one.elements) {
    if (one.op === 'delete') {
      if (!elements.delete(key)) throw new NftError(`no such element: ${one.set} ${key}`);
      continue;
    }
    const old = elements.get(key);
    if (old !== undefined && old !== value) throw new NftError(`element exists: ${one.set} ${key}`);
    const target = targetOf(value);
    if (target && !table.chains.has(target)) throw new NftError(`no such chain: ${target}`);
    elements.set(key, value);
  }
}
