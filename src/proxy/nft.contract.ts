import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { diff, type Transaction } from './diff.ts';
import { type Nft, NftError } from './nft.ts';
import { emptyRuleset, type Ruleset } from './ruleset.ts';

const key = '10.96.0.1 . tcp . 80';

function ruleset(size: number, stickySeconds?: number): Ruleset {
  const made = emptyRuleset({ podCIDR: '10.244.0.0/16', serviceCIDR: '10.96.0.0/16' });
  const sticky = stickySeconds === undefined ? '' : `-sticky-${stickySeconds}`;
  made.elements.services.set(key, `goto pick-${size}${sticky}`);
  if (stickySeconds !== undefined) made.picks.set(`pick-${size}${sticky}`, { size, offset: 0, stickySeconds });
  for (let i = 0; i < size; i++) made.elements.endpoints.set(`${key} . ${i}`, `10.244.0.${i + 1} . 8080`);
  made.elements.hairpin.set('10.244.0.1 . 10.244.0.1', '');
  made.elements['no-endpoints'].set('10.96.0.2 . udp . 53', 'drop');
  made.elements.tokens.set(`${key} . 0`, '183762945');
  return made;
}

/** What every `Nft` promises. `open` gives one without a table; `close` runs last. */
export function nftContract(name: string, open: () => Promise<{ nft: Nft; close(): Promise<void> }>): void {
  describe(`nft contract: ${name}`, () => {
    let nft: Nft;
    let close: () => Promise<void>;
    beforeAll(async () => {
      ({ nft, close } = await open());
    });
    afterAll(() => close());

    it('has nothing to list before the first replace, and removing nothing is fine', async () => {
      await nft.remove();
      expect(await nft.list('services')).toBeUndefined();
    });

    it('refuses a transaction without a table', async () => {
      const transaction: Transaction = [{ op: 'add', set: 'services', elements: [[key, 'goto pick-1']] }];
      await expect(nft.apply(transaction)).rejects.toThrow(NftError);
    });

    it('lists what replace put there, set by set', async () => {
      const wanted = ruleset(3);
      await nft.replace(ruleset(5));
      await nft.replace(wanted);
      for (const set of ['services', 'endpoints', 'hairpin', 'no-endpoints', 'tokens', 'shortcuts'] as const) {
        expect(await nft.list(set), set).toEqual(wanted.elements[set]);
      }
    });

    it('applies a difference, chains made on demand included', async () => {
      await nft.replace(ruleset(2));
      await nft.apply(diff(ruleset(2), ruleset(1, 600)));
      expect(await nft.list('services')).toEqual(ruleset(1, 600).elements.services);
      expect(await nft.list('endpoints')).toEqual(ruleset(1).elements.endpoints);
    });

    it.each<[string, Transaction[number]]>([
      ['deleting what is not there', { op: 'delete', set: 'endpoints', elements: [[`${key} . 77`, '']] }],
      ['adding a second value', { op: 'add', set: 'endpoints', elements: [[`${key} . 0`, '10.9.9.9 . 1']] }],
      ['naming no chain', { op: 'add', set: 'services', elements: [['10.96.0.9 . tcp . 9', 'goto pick-9999']] }],
    ])('refuses %s and then changes nothing', async (_, bad) => {
      await nft.replace(ruleset(2));
      const good: Transaction = [{ op: 'delete', set: 'services', elements: [[key, '']] }];
      await expect(nft.apply([...good, bad])).rejects.toThrow(NftError);
      expect(await nft.list('services')).toEqual(ruleset(2).elements.services);
      expect(await nft.list('endpoints')).toEqual(ruleset(2).elements.endpoints);
    });

    it('does nothing for an empty transaction', async () => {
      await nft.replace(ruleset(2));
      await nft.apply([]);
      expect(await nft.list('services')).toEqual(ruleset(2).elements.services);
    });

    it('removes the table', async () => {
      await nft.remove();
      expect(await nft.list('services')).toBeUndefined();
    });
  });
}
