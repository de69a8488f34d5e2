import { expect, it } from 'vitest';
import { silentLog } from '../../base/log.ts';
import { VirtualClock } from '../../base/virtual-clock.ts';
import { persistently } from './node-identity.ts';

it('a server that is away is asked again, ever later, until it answers', async () => {
  const clock = new VirtualClock();
  const asked: number[] = [];
  let answer: string | undefined;
  const result = persistently({ clock, log: silentLog }, async () => {
    asked.push(clock.now());
    if (asked.length < 10) throw new Error('connect ECONNREFUSED');
    return 'here';
  }).then((value) => (answer = value));
  while (answer === undefined) await clock.advance(1000);
  expect(await result).toBe('here');
  const pauses = asked.slice(1).map((at, i) => at - (asked[i] ?? 0));
  expect(pauses).toEqual([50, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
});
