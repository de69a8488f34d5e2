import { expect, it } from 'vitest';
import { machineRng, seededRng, uuid } from './rng.ts';

it('never hands out the same bytes of the machine twice, nor takes them back', () => {
  const drawn = Array.from({ length: 2000 }, () => machineRng.bytes(16));
  const texts = drawn.map((bytes) => Buffer.from(bytes).toString('hex'));
  expect(new Set(texts).size).toBe(drawn.length);
  expect(machineRng.bytes(10_000).filter((byte) => byte !== 0).length).toBeGreaterThan(9000);
});

it('draws numbers of the machine from all of [0, 1)', () => {
  const drawn = Array.from({ length: 5000 }, () => machineRng.next());
  expect(drawn.every((n) => n >= 0 && n < 1)).toBe(true);
  expect(Math.min(...drawn)).toBeLessThan(0.05);
  expect(Math.max(...drawn)).toBeGreaterThan(0.95);
});

it('draws the same from the same seed: names in recorded traces depend on it', () => {
  expect([...seededRng(1).bytes(4)]).toEqual([...seededRng(1).bytes(4)]);
  expect(uuid(seededRng(1))).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
