import { describe, expect, it } from 'vitest';
import { pods } from '../api/generated/resources.ts';
import type { Pod, PodStatus } from '../api/generated/types.ts';
import { StatusError } from '../api/meta/status-error.ts';
import { silentLog } from '../base/log.ts';
import { seededRng } from '../base/rng.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import { FakeTransport } from '../client/fake.ts';
import { createClient } from '../client/typed-client.ts';
import { StatusWriter, statusPatch } from './status-writer.ts';

const condition = (type: string, status: string) => ({ type, status });

describe('statusPatch', () => {
  it('has only what differs, whatever the order of members', () => {
    const old: PodStatus = { phase: 'Running', hostIPs: [{ ip: 'a' }], conditions: [condition('Ready', 'True')] };
    const same: PodStatus = {
      conditions: [{ status: 'True', type: 'Ready' }],
      hostIPs: [{ ip: 'a' }],
      phase: 'Running',
    };
    expect(statusPatch(old, same)).toBeUndefined();
    expect(statusPatch(old, { ...same, phase: 'Failed' })).toEqual({ phase: 'Failed' });
  });

  it("keeps other owners' conditions and fields", () => {
    const old: PodStatus = {
      qosClass: 'Burstable',
      reason: 'x',
      conditions: [condition('Mine', 'True'), condition('Ready', 'False')],
    };
    expect(statusPatch(old, { conditions: [condition('Ready', 'True')] })).toEqual({
      reason: null,
      conditions: [condition('Ready', 'True'), condition('Mine', 'True')],
    });
  });
});

describe('StatusWriter', () => {
  async function world() {
    const clock = new VirtualClock();
    const api = new FakeTransport({ clock, rng: seededRng(1) });
    const client = createClient(api);
    const writer = new StatusWriter({ client, clock, log: silentLog });
    const pod: Pod = await client.create(pods, {
      metadata: { name: 'p', namespace: 'ns' },
      spec: { nodeName: 'n', containers: [] },
    });
    api.writes.length = 0;
    return { clock, api, client, writer, pod, get: () => client.get(pods, { namespace: 'ns', name: 'p' }) };
  }

  it('lets an address wait for the start of the pod, and for no longer than a second', async () => {
    const { clock, api, writer, pod, get } = await world();
    const container = (state: object) => [{ name: 'c', state, image: '', imageID: '', ready: false, restartCount: 0 }];
    const waits = container({ waiting: { reason: 'ContainerCreating' } });
    const starting: PodStatus = { phase: 'Pending', startTime: '2026-01-01T00:00:00Z', containerStatuses: waits };
    writer.write(pod, starting);
    await clock.advance(0);
    writer.write(await get(), { ...starting, podIP: '10.0.0.1' });
    await clock.advance(999);
    expect([api.writes.length, (await get()).status.podIP]).toEqual([1, undefined]);
    await clock.advance(1);
    expect([api.writes.length, (await get()).status.podIP]).toEqual([2, '10.0.0.1']);
    writer.write(await get(), { ...starting, podIP: '10.0.0.2' });
    writer.write(await get(), { ...starting, podIP: '10.0.0.2', containerStatuses: container({ running: {} }) });
    await clock.advance(0);
    expect([api.writes.length, (await get()).status.podIP]).toEqual([3, '10.0.0.2']);
    await clock.advance(2000);
    expect(api.writes.length).toBe(3);
  });

  it('joins what comes while a write is under way: the last wins', async () => {
    const { clock, api, writer, pod, get } = await world();
    for (const message of ['1', '2', '3']) writer.write(pod, { phase: 'Running', message });
    await clock.advance(0);
    expect((await get()).status.message).toBe('3');
    expect(api.writes.length).toBeLessThanOrEqual(2);
  });

  it('reads again and repeats after a conflict, keeping what the other wrote', async () => {
    const { clock, client, writer, pod, get } = await world();
    await client.patch(
      pods,
      { namespace: 'ns', name: 'p' },
      { type: 'merge', body: { status: { conditions: [condition('Gate', 'True')] } } },
      { subresource: 'status' },
    );
    writer.write(pod, { phase: 'Running', conditions: [condition('Ready', 'True')] });
    await clock.advance(0);
    expect((await get()).status.conditions?.map(({ type }) => type)).toEqual(['Ready', 'Gate']);
  });

  it('tries again while the server is away, and deletes only after the last status', async () => {
    const { clock, api, client, writer, pod } = await world();
    await client.delete(pods, { namespace: 'ns', name: 'p' });
    api.writes.length = 0;
    api.fail = () => StatusError.of('ServiceUnavailable', 'away');
    writer.write(pod, { phase: 'Failed' });
    writer.delete(pod);
    await clock.advance(3000);
    expect(api.writes).toEqual([]);
    api.fail = () => undefined;
    await clock.advance(20_000);
    expect(api.writes.map(({ verb, subresource }) => [verb, subresource])).toEqual([
      ['patch', 'status'],
      ['delete', undefined],
    ]);
    expect((await client.list(pods)).items).toEqual([]);
  });

  it('never touches a pod of the same name that came later', async () => {
    const { clock, client, writer, pod, get } = await world();
    await client.delete(pods, { namespace: 'ns', name: 'p' }, { gracePeriodSeconds: 0 });
    await client.create(pods, { metadata: { name: 'p', namespace: 'ns' }, spec: { nodeName: 'n', containers: [] } });
    writer.write(pod, { phase: 'Failed' });
    writer.delete(pod);
    await clock.advance(30_000);
    expect((await get()).status?.phase).not.toBe('Failed');
  });

  describe('when somebody else writes over a status', () => {
    const ready = (status: string): PodStatus => ({ phase: 'Running', conditions: [condition('Ready', status)] });

    /** A status is stored; another writes over it. `see`: the informer brings what is stored. */
    async function overwritten(by: PodStatus) {
      const all = await world();
      const { clock, client, writer, pod, get } = all;
      const see = async () => writer.observe(await get());
      writer.write(pod, { ...ready('True'), resourceClaimStatuses: [{ name: 'claim' }] });
      await clock.advance(0);
      await see();
      const key = { namespace: 'ns', name: 'p' };
      await client.patch(pods, key, { type: 'merge', body: { status: by } }, { subresource: 'status' });
      await see();
      all.api.writes.length = 0;
      return { ...all, see };
    }

    it('says it again a second later', async () => {
      const { clock, api, see, get } = await overwritten(ready('False'));
      await clock.advance(999);
      expect((await get()).status.conditions).toEqual([condition('Ready', 'False')]);
      await clock.advance(1);
      expect((await get()).status.conditions).toEqual([condition('Ready', 'True')]);
      await see();
      await clock.advance(60_000);
      expect(api.writes).toHaveLength(1);
    });

    it('says what is true by then', async () => {
      const { clock, writer, get } = await overwritten(ready('False'));
      writer.write(await get(), { phase: 'Succeeded', conditions: [condition('Ready', 'False')] });
      await clock.advance(60_000);
      expect((await get()).status.phase).toBe('Succeeded');
    });

    it("leaves other owners' conditions and fields as they are", async () => {
      const conditions = [condition('Ready', 'True'), condition('DisruptionTarget', 'True')];
      const { clock, api } = await overwritten({ conditions, qosClass: 'Burstable', resourceClaimStatuses: [] });
      await clock.advance(60_000);
      expect(api.writes).toEqual([]);
    });

    it('says nothing of an object that is gone, or after its own end', async () => {
      const first = await overwritten(ready('False'));
      first.writer.forget(first.pod.metadata.uid ?? '');
      const second = await overwritten(ready('False'));
      second.writer.stop();
      for (const { clock, api } of [first, second]) {
        await clock.advance(60_000);
        expect(api.writes).toEqual([]);
      }
    });
  });
});
