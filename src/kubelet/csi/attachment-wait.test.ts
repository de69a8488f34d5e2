import { describe, expect, it } from 'vitest';
import type { Node, NodeStatus } from '../../api/generated/types.ts';
import { VirtualClock } from '../../base/virtual-clock.ts';
import { AttachmentWait } from './attachment-wait.ts';

const volume = 'kubernetes.io/csi/d^v';
const nodeWith = (status: NodeStatus): Node => ({ metadata: { name: 'n' }, spec: {}, status });
const attached = { volumesAttached: [{ name: volume, devicePath: '' }] };
const inUse = { volumesInUse: [volume] };

describe('AttachmentWait', () => {
  it('ends when the volume is attached and the node has said that it uses it, not before', async () => {
    const clock = new VirtualClock();
    const wait = new AttachmentWait(clock);
    let isOver = false;
    const waiting = wait.wait(volume).then(() => (isOver = true));
    for (const status of [attached, inUse, { ...inUse, volumesAttached: [{ name: 'another', devicePath: '' }] }]) {
      wait.observe(nodeWith(status));
      await clock.advance(1000);
      expect(isOver).toBe(false);
    }
    wait.observe(nodeWith({ ...attached, ...inUse }));
    await waiting;
    // From now on it is known.
    await wait.wait(volume);
  });

  it('gives up after two minutes, and with its pod', async () => {
    const clock = new VirtualClock();
    const wait = new AttachmentWait(clock);
    const late = expect(wait.wait(volume)).rejects.toThrow('timed out waiting for the condition');
    await clock.advance(123_000);
    await late;
    const ending = new AbortController();
    const ended = expect(wait.wait(volume, ending.signal)).rejects.toThrow('the pod is being stopped');
    ending.abort(new Error('the pod is being stopped'));
    await ended;
  });
});
