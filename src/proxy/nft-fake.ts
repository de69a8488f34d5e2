import { baseChains } from './base-chains.ts';
import type { Change } from './diff.ts';
import { type Nft, NftError } from './nft.ts';
import { pickChains } from './pick-chain.ts';
import type { Elements } from './ruleset.ts';
import { type Chain, ownSets, type SetName, sets } from './table.ts';

/** A table as the kernel would hold it. */
export interface FakeTable {
  chains: Map<string, Chain>;
  elements: Map<SetName, Elements>;
}

/** nftables in memory, as transactional as the kernel: a transaction that fails anywhere changes nothing. */
export class FakeNft implements Nft {
  table: FakeTable | undefined;
  /** Transactions so far, replacements included. */
  transactions = 0;
  /** Makes the next call fail before anything changes. */
  failNext: Error | undefined;

  async replace(ruleset: Parameters<Nft['replace']>[0]): Promise<void> {
    this.#count();
    const table: FakeTable = { chains: new Map(), elements: new Map() };
    for (const name of Object.keys(sets) as SetName[]) table.elements.set(name, new Map());
    const chains = [...[...ruleset.picks.values()].flatMap(pickChains), ...baseChains(ruleset.addressing)];
    for (const chain of chains) table.chains.set(chain.name, chain);
    for (const set of ownSets) change(table, { op: 'add', set, elements: [...ruleset.elements[set]] });
    this.table = table;
  }

  async apply(transaction: readonly Change[]): Promise<void> {
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

  async list(set: SetName): Promise<Elements | undefined> {
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
  if (one.op === 'addChain') {
    if (!table.chains.has(one.chain.name)) table.chains.set(one.chain.name, one.chain);
    return;
  }
  const elements = table.elements.get(one.set);
  if (!elements) throw new NftError(`no such set: ${one.set}`);
  for (const [key, value] of one.elements) {
    if (one.op === 'delete') {
      if (!elements.delete(key)) throw new NftError(`no such element: ${one.set} ${key}`);
      continue;
    }
    const old = elements.get(key);
    if (old !== undefined && old !== value) throw new NftError(`element exists: ${one.set} ${key}`);
    const target = value.startsWith('goto ') ? value.slice(5) : undefined;
    if (target && !table.chains.has(target)) throw new NftError(`no such chain: ${target}`);
    elements.set(key, value);
  }
}
