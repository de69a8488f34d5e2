import { describe, expect, it } from 'vitest';
import { replaceText, transactionText } from '../nft/text.ts';
import { preparedPicks } from './pick-chain.ts';
import { render } from './render.ts';
import { ServiceBook } from './service-book.ts';
import { testNode, testService, testSlice } from './service-fixtures.ts';

const sticky = testService('web', { clusterIP: '10.96.0.20', sessionAffinity: 'ClientIP' });
const plain = testService('web', { clusterIP: '10.96.0.20' });
const slice = testSlice('web', ['10.244.0.1', '10.244.0.2']);

describe('the table as text', () => {
  it('writes the whole table', () => {
    const text = replaceText('knarr-test', render({ services: [sticky], endpointSlices: [slice] }, testNode));
    const prepared = new RegExp(`  chain pick-([2-9]|[1-9][0-9]) \\{\n.*\n.*\n  \\}\n`, 'g');
    expect(text.match(prepared)).toHaveLength(preparedPicks - 1);
    expect(text.replace(prepared, '')).toMatchSnapshot();
  });

  it('writes a transaction', () => {
    const book = new ServiceBook(testNode);
    book.setService(plain);
    book.setSlice(slice);
    book.takeChanges();
    book.setService(sticky);
    expect(transactionText('knarr-test', book.takeChanges())).toMatchSnapshot();
    expect(transactionText('knarr-test', book.takeChanges())).toBe('');
  });
});
