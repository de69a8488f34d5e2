import { expect, it } from 'vitest';
import { normalMicroTime, normalTime } from './time.ts';

it('takes the days that a month has', () => {
  for (const date of ['2026-01-31', '2026-04-30', '2026-02-28', '2024-02-29', '2000-02-29'])
    expect(normalTime(`${date}T23:59:59Z`)).toBe(`${date}T23:59:59Z`);
});

it.each([
  ['2026-13-01T00:00:00Z', 'month'],
  ['2026-00-01T00:00:00Z', 'month'],
  ['2026-04-31T00:00:00Z', 'day'],
  ['2026-02-29T00:00:00Z', 'day'],
  ['1900-02-29T00:00:00Z', 'day'],
  ['2026-01-00T00:00:00Z', 'day'],
  ['2026-01-01T24:00:00Z', 'hour'],
  ['2026-01-01T00:60:00Z', 'minute'],
  ['2026-01-01T00:00:60Z', 'second'],
])('refuses %s: its %s', (text, what) => {
  expect(() => normalTime(text)).toThrow(`parsing time ${JSON.stringify(text)}: ${what} out of range`);
});

it('keeps six decimals, in UTC', () => {
  expect(normalMicroTime('2026-01-01T00:00:00.000001Z')).toBe('2026-01-01T00:00:00.000001Z');
  expect(normalMicroTime('2026-01-01T01:00:00.000001+01:00')).toBe('2026-01-01T00:00:00.000001Z');
  expect(normalMicroTime('0001-01-01T00:00:00.000000Z')).toBeNull();
  expect(() => normalMicroTime('2026-02-29T00:00:00.000001Z')).toThrow('day out of range');
  expect(() => normalMicroTime('2026-01-01T00:00:00Z')).toThrow('cannot parse');
});
