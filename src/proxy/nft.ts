import type { Transaction } from './diff.ts';
import type { Elements, Ruleset } from './ruleset.ts';
import type { SetName } from './table.ts';

/**
 * The node's packet filter, as far as the proxy needs it: one table of ours. Every call is one transaction. `nft-exec.ts`
 * is the kernel, `nft-fake.ts` keeps it in memory; `nft.contract.ts` is what both pass.
 */
export interface Nft {
  /** Makes the table hold exactly this ruleset, whatever was there before. */
  replace(ruleset: Ruleset): Promise<void>;
  /** Rejects with `NftError`, and changes nothing, when the table does not fit: replace it then. */
  apply(transaction: Transaction): Promise<void>;
  /** The elements of a set as the table holds them; undefined when there is no table. */
  list(set: SetName): Promise<Elements | undefined>;
  /** Removes the table; fine when there is none. */
  remove(): Promise<void>;
}

/** The transaction was refused as a whole. */
export class NftError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'NftError';
  }
}
