import { beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from './log.ts';
import { VirtualClock } from './virtual-clock.ts';
import { TurnWriter } from './turn-writer.ts';

describe('TurnWriter', () => {
  let clock: VirtualClock;
  let writes: boolean[];
  let fails: number;
  let writer: TurnWriter;
  beforeEach(() => {
    clock = new VirtualClock();
    writes = [];
    fails = 0;
    const write = async (whole: boolean) => {
      writes.push(whole);
      if (fails-- > 0) throw new Error('planted');
    };
    writer = new TurnWriter({ clock, log: silentLog, what: 'it', write });
  });

  it('joins what happens in a turn, and writes all of it only once', async () => {
    writer.touch();
    writer.touch();
    await clock.advance(1);
    writer.touch();
    await clock.advance(1);
    expect(writes).toEqual([true, false]);
  });

  it('writes all of it again after a failure, later', async () => {
    await Promise.all([writer.written(), clock.advance(1)]);
    fails = 2;
    const written = writer.written();
    await clock.advance(1);
    expect(writes).toEqual([true, false]);
    await Promise.all([written, clock.advance(5000)]);
    expect(writes).toEqual([true, false, true, true]);
  });

  it('tells who waits when it stops, and writes no more', async () => {
    const written = writer.written();
    writer.stop();
    await expect(written).rejects.toThrow('stopped');
    await expect(writer.written()).rejects.toThrow('stopped');
    writer.touch();
    await clock.advance(1);
    expect(writes).toEqual([]);
  });
});
