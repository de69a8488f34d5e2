import { describe, expect, it } from 'vitest';
import { SampleWindow } from './sample-window.ts';
import { VirtualClock } from './virtual-clock.ts';

function counting() {
  const clock = new VirtualClock();
  let reads = 0;
  const samples = new SampleWindow(clock, async () => {
    reads++;
    return clock.now();
  });
  const lengthOf = async () => {
    const asked = samples.window();
    await clock.advance(1500);
    const { older, newer } = await asked;
    return newer.atMs - older.atMs;
  };
  return { clock, samples, lengthOf, reads: () => reads };
}

describe('a window of samples', () => {
  it('reads nothing before somebody asks; who asks first waits a second', async () => {
    const { clock, reads, lengthOf } = counting();
    await clock.advance(100_000);
    expect(reads()).toBe(0);
    expect(await lengthOf()).toBe(1000);
    expect(reads()).toBe(2);
  });

  it('uses what was read for who asked before, and one reading for all who ask at once', async () => {
    const { clock, samples, reads, lengthOf } = counting();
    await lengthOf();
    await clock.advance(13_500);
    const [a, b] = await Promise.all([samples.window(), samples.window()]);
    expect(a).toEqual(b);
    expect(a.newer.atMs - a.older.atMs).toBe(15_000);
    expect(reads()).toBe(3);
  });

  it('takes a longer time where there is one, however often it is asked', async () => {
    const { clock, samples, lengthOf } = counting();
    await lengthOf();
    for (let i = 0; i < 20; i++) {
      await clock.advance(2000);
      await samples.window();
    }
    await clock.advance(2000);
    const { older, newer } = await samples.window();
    expect(newer.atMs - older.atMs).toBeGreaterThanOrEqual(10_000);
    expect(newer.atMs - older.atMs).toBeLessThan(25_000);
  });

  it('forgets what is too old', async () => {
    const { clock, lengthOf } = counting();
    await lengthOf();
    await clock.advance(200_000);
    expect(await lengthOf()).toBe(1000);
  });

  it('reads again after a failure', async () => {
    const clock = new VirtualClock();
    let fails = true;
    const samples = new SampleWindow(clock, async () => {
      if (fails) throw new Error('no');
      return 1;
    });
    await expect(samples.latest()).rejects.toThrow('no');
    fails = false;
    expect(await samples.latest()).toMatchObject({ value: 1 });
  });
});
