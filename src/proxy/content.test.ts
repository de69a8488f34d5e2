import { describe, expect, it } from 'vitest';
import { diff } from './diff.ts';
import { replaceText, transactionText } from '../nft/text.ts';
import { preparedPicks } from './pick-chain.ts';
import { contentOf, render } from './ruleset.ts';
import { testNode, testService, testSlice } from './service-fixtures.ts';

const sticky = testService('web', { clusterIP: '10.96.0.20', sessionAffinity: 'ClientIP' });
const plain = testService('web', { clusterIP: '10.96.0.20' });
const slice = testSlice('web', ['10.244.0.1', '10.244.0.2']);

describe('the table as text', () => {
  it('writes the whole table', () => {
    const text = replaceText(
      'knarr-test',
      contentOf(render({ services: [sticky], endpointSlices: [slice] }, testNode)),
    );
    const prepared = new RegExp(`  chain pick-([2-9]|[1-9][0-9]) \\{\n.*\n.*\n  \\}\n`, 'g');
    expect(text.match(prepared)).toHaveLength(preparedPicks - 1);
    expect(text.replace(prepared, '')).toMatchSnapshot();
  });

  it('writes a transaction', () => {
    const from = render({ services: [plain], endpointSlices: [slice] }, testNode);
    const to = render({ services: [sticky], endpointSlices: [slice] }, testNode, from);
    expect(transactionText('knarr-test', diff(from, to))).toMatchSnapshot();
    expect(transactionText('knarr-test', diff(to, to))).toBe('');
  });
});
