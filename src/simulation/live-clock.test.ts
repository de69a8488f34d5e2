import { expect, it } from 'vitest';
import { VirtualClock } from '../base/virtual-clock.ts';
import { LiveClock } from './live-clock.ts';

function setUp() {
  const machine = new VirtualClock(0);
  const clock = new LiveClock(machine);
  const ran: string[] = [];
  const set = (name: string, ms: number) => clock.after(ms, () => ran.push(`${name} ${clock.now()}`));
  return { machine, clock, ran, set };
}

it('goes with the machine', async () => {
  const { machine, clock, ran, set } = setUp();
  set('a', 100);
  const cancel = set('b', 50);
  set('c', 10);
  cancel();
  await machine.advance(99);
  expect(ran).toEqual(['c 10']);
  await machine.advance(1);
  expect([...ran, clock.now()]).toEqual(['c 10', 'a 100', 100]);
});

it('can be moved ahead: what is due on the way runs at its own time', async () => {
  const { machine, clock, ran, set } = setUp();
  set('late', 5000);
  clock.after(1000, () => set('then', 500));
  await clock.advance(2000);
  expect([...ran, clock.now(), machine.now()]).toEqual(['then 1500', 2000, 0]);
  // What is set now is due by the new time, and does not wait for what was set before.
  set('soon', 10);
  await machine.advance(10);
  expect(ran).toEqual(['then 1500', 'soon 2010']);
  await machine.advance(2990);
  expect(ran.at(-1)).toBe('late 5000');
});

it('does nothing by itself once it is stopped', async () => {
  const { machine, clock, ran, set } = setUp();
  set('a', 10);
  clock.stop();
  set('b', 10);
  await machine.advance(100);
  expect(ran).toEqual([]);
});
