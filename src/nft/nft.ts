import type { Elements, TableContent, Transaction } from './table.ts';

/**
 * One table of ours in the kernel's packet filter. Every call is one transaction. `exec.ts` is the kernel, `fake.ts` keeps
 * it in memory; `nft.contract.ts` is what both pass.
 */
export interface Nft {
  /** Makes the table hold exactly this, whatever was there before. */
  replace(content: TableContent): Promise<void>;
  /** Rejects with `NftError`, and changes nothing, when the table does not fit: replace it then. */
  apply(transaction: Transaction): Promise<void>;
  /** The elements of a set as the table holds them; undefined when there is no table. */
  list(set: string): Promise<Elements | undefined>;
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
