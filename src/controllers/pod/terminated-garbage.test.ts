import { expect, it } from 'vitest';
import type { Pod } from '../../api/generated/types.ts';
import { surplus } from './terminated-garbage.ts';

it('of pods that have ended the evicted go first, then the oldest', () => {
  const pod = (name: string, reason?: string): Pod =>
    ({ metadata: { name, creationTimestamp: `2026-01-0${name}T00:00:00Z` }, status: { reason } }) as Pod;
  const gone = surplus([pod('3'), pod('1'), pod('2'), pod('4', 'Evicted')], 2);
  expect(gone.map((p) => p.metadata.name)).toEqual(['4', '1']);
});
