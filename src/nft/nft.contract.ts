import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Nft, NftError } from './nft.ts';
import type { Chain, TableContent, Transaction } from './table.ts';

const pick = (size: number): Chain => ({
  name: `pick-${size}`,
  rules: [[{ set: 'randomSlot', size, offset: 0 }]],
});
const key = '10.96.0.1 . tcp . 80';
const sets = {
  services: { key: ['ipv4_addr', 'inet_proto', 'inet_service'], value: 'verdict' },
  endpoints: { key: ['ipv4_addr', 'mark'], value: ['ipv4_addr', 'inet_service'] },
  tokens: { key: ['mark'], value: ['mark'] },
  pods: { key: ['ipv4_addr'] },
  pairs: { key: ['ipv4_addr', 'ipv4_addr'] },
  sources: { key: ['ipv4_addr', 'ipv4_addr'], interval: true },
} as const;

const content = (size: number): TableContent => ({
  sets,
  chains: [pick(1), pick(2), pick(size)],
  elements: {
    services: new Map([
      [key, `goto pick-${size}`],
      ['10.96.0.2 . udp . 53', 'drop'],
    ]),
    endpoints: new Map(Array.from({ length: size }, (_, i) => [`10.96.0.1 . ${i}`, `10.244.0.${i + 1} . 8080`])),
    tokens: new Map([['7', '183762945']]),
    pods: new Map([['10.244.0.1', '']]),
    pairs: new Map([['10.244.0.1 . 10.244.0.1', '']]),
    sources: new Map([
      ['10.96.0.1 . 192.0.2.0/24', ''],
      ['10.96.0.1 . 198.51.100.7', ''],
    ]),
  },
});

const names = Object.keys(sets) as (keyof typeof sets)[];

/** What every `Nft` promises. `open` gives one without a table; `close` runs last. */
export function nftContract(name: string, open: () => Promise<{ nft: Nft; close(): Promise<void> }>): void {
  describe(`nft contract: ${name}`, () => {
    let nft: Nft;
    let close: () => Promise<void>;
    beforeAll(async () => {
      ({ nft, close } = await open());
    });
    afterAll(() => close());

    const expectContent = async (wanted: TableContent) => {
      for (const set of names) expect(await nft.list(set), set).toEqual(wanted.elements[set]);
    };

    it('has nothing to list before the first replace, and removing nothing is fine', async () => {
      await nft.remove();
      expect(await nft.list('services')).toBeUndefined();
    });

    it('refuses a transaction without a table', async () => {
      const transaction: Transaction = [{ op: 'add', set: 'services', elements: [[key, 'goto pick-1']] }];
      await expect(nft.apply(transaction)).rejects.toThrow(NftError);
    });

    it('lists what replace put there, set by set', async () => {
      await nft.replace(content(5));
      await nft.replace(content(3));
      await expectContent(content(3));
    });

    it('applies a difference, with chains and sets made on demand', async () => {
      await nft.replace(content(2));
      await nft.apply([
        { op: 'addSet', set: 'peers', shape: { key: ['ipv4_addr'] } },
        {
          op: 'addChain',
          chain: {
            name: 'allowed',
            rules: [
              [
                { match: 'set', key: ['ip saddr'], in: 'peers' },
                {
                  match: 'portIn',
                  protocol: 'tcp',
                  ranges: [
                    [80, 80],
                    [8000, 8010],
                  ],
                },
                { end: 'verdict', verdict: 'accept' },
              ],
              [
                { match: 'addressIn', field: 'ip saddr', ranges: [[0, 0x7fffffff]] },
                { end: 'verdict', verdict: 'accept' },
              ],
            ],
          },
        },
        { op: 'delete', set: 'services', elements: [[key, '']] },
        { op: 'add', set: 'services', elements: [[key, 'goto allowed']] },
        { op: 'add', set: 'peers', elements: [['10.244.0.9', '']] },
      ]);
      expect((await nft.list('services'))?.get(key)).toBe('goto allowed');
      expect(await nft.list('peers')).toEqual(new Map([['10.244.0.9', '']]));
    });

    it('takes away what nothing names any more, in one transaction with what named it', async () => {
      await expect(nft.apply([{ op: 'deleteChain', name: 'allowed' }])).rejects.toThrow(NftError);
      await expect(nft.apply([{ op: 'deleteSet', name: 'peers' }])).rejects.toThrow(NftError);
      await nft.apply([
        { op: 'delete', set: 'services', elements: [[key, '']] },
        { op: 'deleteChain', name: 'allowed' },
        { op: 'deleteSet', name: 'peers' },
      ]);
      expect(await nft.list('peers')).toEqual(new Map());
      expect((await nft.list('services'))?.get(key)).toBeUndefined();
    });

    it.each<[string, Transaction[number]]>([
      ['deleting what is not there', { op: 'delete', set: 'endpoints', elements: [['10.96.0.1 . 77', '']] }],
      ['adding a second value', { op: 'add', set: 'endpoints', elements: [['10.96.0.1 . 0', '10.9.9.9 . 1']] }],
      ['naming no chain', { op: 'add', set: 'services', elements: [['10.96.0.9 . tcp . 9', 'goto pick-9999']] }],
      ['a chain that names no set', { op: 'addChain', chain: { name: 'odd', rules: [[oddLookup]] } }],
    ])('refuses %s and then changes nothing', async (_, bad) => {
      await nft.replace(content(2));
      const good: Transaction = [{ op: 'delete', set: 'services', elements: [[key, '']] }];
      await expect(nft.apply([...good, bad])).rejects.toThrow(NftError);
      await expectContent(content(2));
    });

    it('does nothing for an empty transaction', async () => {
      await nft.replace(content(2));
      await nft.apply([]);
      await expectContent(content(2));
    });

    it('removes the table', async () => {
      await nft.remove();
      expect(await nft.list('services')).toBeUndefined();
    });
  });
}

const oddLookup = { match: 'set', key: ['ip saddr'], in: 'nothing' } as const;
