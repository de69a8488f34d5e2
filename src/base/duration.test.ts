import { expect, it } from 'vitest';
import { durationMs } from './duration.ts';

it('reads durations', () => {
  expect(durationMs(1500)).toBe(1500);
  expect(durationMs('500ms')).toBe(500);
  expect(durationMs('10m')).toBe(600_000);
  expect(durationMs('1h30m')).toBe(5_400_000);
  expect(durationMs('1.5s')).toBe(1500);
  expect(durationMs('2d')).toBe(172_800_000);
});

it('refuses what is none', () => {
  for (const text of ['', '10', 'm', '10 m', '1h30', '-1s'])
    expect(() => durationMs(text), text).toThrow('no duration');
});
