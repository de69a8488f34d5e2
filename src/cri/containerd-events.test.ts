import { describe, expect, it } from 'vitest';
import { taskEvent } from './containerd-events.ts';

const timestamp = { seconds: 1_800_000_000, nanos: 123_456_789 };

describe('a task event', () => {
  it('of an exit tells when the process ended, not when it was told', () => {
    const payload = {
      containerId: 'c',
      id: 'c',
      exitStatus: 3,
      exitedAt: { seconds: 1_700_000_000, nanos: 5_000_000 },
    };
    expect(taskEvent('exit', { timestamp }, payload)).toEqual({
      type: 'exit',
      id: 'c',
      exitCode: 3,
      atMs: 1_700_000_000_005,
    });
  });

  it('of an exit with 0, which is not on the wire, has its code', () => {
    expect(taskEvent('exit', { timestamp }, { containerId: 'c', id: 'c' })).toMatchObject({ exitCode: 0 });
  });

  it('of an exec session is none of the container', () => {
    expect(taskEvent('exit', { timestamp }, { containerId: 'c', id: 'exec-1', exitStatus: 1 })).toBeUndefined();
  });

  it('without an id of its own is of the container itself', () => {
    expect(taskEvent('oom', { timestamp }, { containerId: 'c' })).toEqual({
      type: 'oom',
      id: 'c',
      atMs: 1_800_000_000_123,
    });
  });
});
