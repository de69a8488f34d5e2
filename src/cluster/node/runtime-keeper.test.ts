import { describe, expect, it } from 'vitest';
import { silentLog } from '../../base/log.ts';
import { VirtualClock } from '../../base/virtual-clock.ts';
import type { TaskEventSink } from '../../cri/cri.ts';
import { keepRuntime } from './runtime-keeper.ts';

describe('keepRuntime', () => {
  it('repairs a runtime that went away, again until it works, and no more when stopped', async () => {
    const clock = new VirtualClock(0);
    const sinks: TaskEventSink[] = [];
    const attempts: number[] = [];
    let isBroken = true;
    const cri = {
      subscribe: (sink: TaskEventSink) => {
        sinks.push(sink);
        return { stop: () => {} };
      },
    };
    const keeper = keepRuntime({ clock, log: silentLog, cri }, async () => {
      attempts.push(clock.now());
      if (isBroken) throw new Error('no space');
    });
    await clock.advance(60_000);
    expect(attempts).toEqual([]);

    sinks.at(-1)?.end();
    await clock.advance(1000);
    expect(attempts).toEqual([60_100, 60_300, 60_700]);
    isBroken = false;
    await clock.advance(10_000);
    expect(attempts).toHaveLength(4);
    expect(sinks).toHaveLength(2);

    sinks.at(-1)?.end();
    keeper.stop();
    await clock.advance(10_000);
    expect(attempts).toHaveLength(4);
  });
});
