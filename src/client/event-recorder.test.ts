import { describe, expect, it } from 'vitest';
import { events } from '../api/generated/resources.ts';
import { StatusError } from '../api/meta/status-error.ts';
import { silentLog } from '../base/log.ts';
import { seededRng } from '../base/rng.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import { BroadcastingRecorder } from './event-recorder.ts';
import { FakeTransport } from './fake.ts';
import { createClient } from './typed-client.ts';

function setUp() {
  const clock = new VirtualClock(Date.UTC(2026, 0, 1));
  const transport = new FakeTransport({ clock, rng: seededRng(1) });
  const client = createClient(transport);
  const recorder = new BroadcastingRecorder({ client, clock, log: silentLog }, { component: 'test-controller' });
  const all = async () => (await client.list(events)).items;
  const pod = { kind: 'Pod', apiVersion: 'v1', metadata: { name: 'p', namespace: 'ns', uid: 'u' } };
  return { clock, transport, recorder, all, pod };
}

describe('BroadcastingRecorder', () => {
  it('writes a core/v1 Event about the object', async () => {
    const { clock, recorder, all, pod } = setUp();
    recorder.event(pod, 'Normal', 'Pulled', 'image is here');
    await clock.advance(100);
    expect(await all()).toMatchObject([
      {
        metadata: { name: expect.stringMatching(/^p\.[0-9a-f]{16}$/), namespace: 'ns' },
        involvedObject: { kind: 'Pod', apiVersion: 'v1', name: 'p', namespace: 'ns', uid: 'u' },
        type: 'Normal',
        reason: 'Pulled',
        message: 'image is here',
        source: { component: 'test-controller' },
        count: 1,
        firstTimestamp: '2026-01-01T00:00:00Z',
      },
    ]);
  });

  it('keeps apart what several recorders say of one object in the same millisecond', async () => {
    const { clock, transport, recorder, all, pod } = setUp();
    const client = createClient(transport);
    const sources = [
      { component: 'default-scheduler' },
      { component: 'kubelet', host: 'n1' },
      { component: 'kubelet', host: 'n2' },
    ];
    for (const source of sources) {
      new BroadcastingRecorder({ client, clock, log: silentLog }, source).event(
        pod,
        'Normal',
        'Said',
        source.component,
      );
    }
    recorder.event(pod, 'Normal', 'Said', 'too');
    await clock.advance(100);
    expect(await all()).toHaveLength(4);
  });

  it('counts equal events on one object', async () => {
    const { clock, recorder, all, pod } = setUp();
    for (let i = 0; i < 3; i++) {
      recorder.event(pod, 'Warning', 'BackOff', 'again');
      await clock.advance(1000);
    }
    const first = { count: 3, firstTimestamp: '2026-01-01T00:00:00Z', lastTimestamp: '2026-01-01T00:00:02Z' };
    expect(await all()).toMatchObject([first]);
  });

  it('joins similar events and stops an object that says too much', async () => {
    const { clock, recorder, all, pod } = setUp();
    for (let i = 0; i < 40; i++) recorder.event(pod, 'Normal', 'Chatty', `message ${i}`);
    await clock.advance(1000);
    const stored = await all();
    expect(stored).toHaveLength(10);
    const joined = stored.find((e) => e.message?.startsWith('(combined from similar events): '));
    expect(joined?.count).toBe(25 - 9);
  });

  it('waits for time to spare, but no longer than ten seconds', async () => {
    const { clock, transport, all, pod } = setUp();
    let spare = () => {};
    const spareTime = () => new Promise<void>((resolve) => (spare = resolve));
    const deps = { client: createClient(transport), clock, log: silentLog, spareTime };
    const recorder = new BroadcastingRecorder(deps, { component: 'kubelet' });
    for (let i = 0; i < 10; i++) recorder.event(pod, 'Normal', `Said${i}`, 'something');
    await clock.advance(5000);
    expect(await all()).toHaveLength(0);
    spare();
    await clock.advance(1000);
    expect(await all()).toHaveLength(8);
    await clock.advance(4000);
    expect(await all()).toHaveLength(10);
  });

  it('writes some at a time, and one after the other what counts on the same', async () => {
    const { clock, transport, recorder, all, pod } = setUp();
    let underway = 0;
    const most: Record<string, number> = {};
    const { call } = transport;
    transport.call = async (request) => {
      const { reason = 'again' } = (request.body ?? {}) as { reason?: string };
      if (request.verb === 'create') most[reason] = Math.max(most[reason] ?? 0, ++underway);
      const result = await call.call(transport, request);
      if (request.verb === 'create') underway--;
      return result;
    };
    for (const reason of ['One', 'Two', 'Three', 'Three']) recorder.event(pod, 'Normal', reason, reason);
    await clock.advance(100);
    expect(most).toEqual({ One: 1, Two: 2, Three: 3 });
    expect((await all()).map(({ reason, count }) => `${reason} ${count}`).sort()).toEqual([
      'One 1',
      'Three 2',
      'Two 1',
    ]);
  });

  it('tries again while the server is away', async () => {
    const { clock, recorder, all, pod, transport } = setUp();
    transport.fail = () => StatusError.of('ServiceUnavailable', 'away');
    recorder.event(pod, 'Normal', 'Kept', 'for later');
    await clock.advance(5000);
    transport.fail = () => undefined;
    await clock.advance(10_000);
    expect(await all()).toMatchObject([{ reason: 'Kept' }]);
  });
});
