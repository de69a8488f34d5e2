import { expect, it } from 'vitest';
import { warningHeaders } from './warning-headers.ts';

it('says each warning once, quoted, and none that has control characters', () => {
  expect(warningHeaders(['a', 'say "b\\"', 'a', '', 'x\ny'])).toEqual(['299 - "a"', '299 - "say \\"b\\\\\\""']);
});

it('cuts warnings short where all of them are too long, and leaves out what is still too much', () => {
  const long = Array.from({ length: 20 }, (_, i) => `${String(i).padStart(3, '0')}${'x'.repeat(400)}`);
  const headers = warningHeaders(long);
  expect(headers).toHaveLength(16);
  expect(headers[0]).toBe(`299 - "000${'x'.repeat(253)}"`);
  expect(warningHeaders(['y'.repeat(4096)])[0]).toHaveLength(4096 + '299 - ""'.length);
});
