import { beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '../base/log.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import { TableKeeper } from './table-keeper.ts';

describe('TableKeeper', () => {
  let clock: VirtualClock;
  let writes: boolean[];
  let fails: number;
  let keeper: TableKeeper;
  beforeEach(() => {
    clock = new VirtualClock();
    writes = [];
    fails = 0;
    const write = async (whole: boolean) => {
      writes.push(whole);
      if (fails-- > 0) throw new Error('planted');
    };
    keeper = new TableKeeper({ clock, log: silentLog, write });
  });

  it('joins what happens in a turn, and writes all of it only once', async () => {
    keeper.touch();
    keeper.touch();
    await clock.advance(1);
    keeper.touch();
    await clock.advance(1);
    expect(writes).toEqual([true, false]);
  });

  it('writes all of it again after a failure, later', async () => {
    await Promise.all([keeper.written(), clock.advance(1)]);
    fails = 2;
    const written = keeper.written();
    await clock.advance(1);
    expect(writes).toEqual([true, false]);
    await Promise.all([written, clock.advance(5000)]);
    expect(writes).toEqual([true, false, true, true]);
  });

  it('tells who waits when it stops, and writes no more', async () => {
    const written = keeper.written();
    keeper.stop();
    await expect(written).rejects.toThrow('stopped');
    await expect(keeper.written()).rejects.toThrow('stopped');
    keeper.touch();
    await clock.advance(1);
    expect(writes).toEqual([]);
  });
});
