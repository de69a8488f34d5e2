import { describe, expect, it } from 'vitest';
import type { Probe } from '../../api/generated/types.ts';
import type { ProbeKind } from '../worker/state.ts';
import { initialProbe, stepProbe } from './probe-machine.ts';

/** Plays results one period apart and notes the verdicts. */
function play(kind: ProbeKind, probe: Probe, results: boolean[]): (boolean | undefined)[] {
  let state = initialProbe(kind, probe, 0);
  let nowMs = 0;
  return results.map((isSuccess) => {
    nowMs = Math.max(state.nextAtMs, nowMs);
    state = stepProbe(state, { type: 'tick' }, { probe, nowMs }).state;
    const step = stepProbe(state, { type: 'result', isSuccess }, { probe, nowMs });
    state = step.state;
    return step.verdict;
  });
}
const [yes, no] = [true, false];

describe('a probe', () => {
  it('needs failureThreshold failures in a row, and one success', () => {
    expect(play('readiness', {}, [yes, no, no, yes, no, no, no, yes])).toEqual([
      true,
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
      false,
      true,
    ]);
    expect(play('readiness', { successThreshold: 2 }, [yes, yes])).toEqual([undefined, true]);
  });

  it('says nothing more after it has ended its container, nor a startup probe after it passed', () => {
    expect(play('liveness', { failureThreshold: 1 }, [no, yes, no])).toEqual([false, undefined, undefined]);
    expect(play('startup', {}, [no, yes, no])).toEqual([undefined, true, undefined]);
  });

  it('waits for its initial delay, then a period between attempts, never two at once', () => {
    const probe = { initialDelaySeconds: 5, periodSeconds: 3 };
    const initial = initialProbe('readiness', probe, 1000);
    expect(stepProbe(initial, { type: 'tick' }, { probe, nowMs: 5999 }).attempt).toBeUndefined();
    const first = stepProbe(initial, { type: 'tick' }, { probe, nowMs: 6000 });
    expect([first.attempt, first.state.nextAtMs]).toEqual([true, 9000]);
    expect(stepProbe(first.state, { type: 'tick' }, { probe, nowMs: 9000 }).attempt).toBeUndefined();
  });
});
