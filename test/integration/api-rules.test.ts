import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { configmaps } from '../../src/api/generated/resources.ts';
import type { ConfigMap } from '../../src/api/generated/types.ts';
import type { WatchEvent } from '../../src/client/client.ts';
import { ApiProcess } from './extension/api-process.ts';

/** What holds for objects of the server itself, whoever asks: without controllers and nodes. */
let server: ApiProcess;
beforeAll(async () => {
  server = await ApiProcess.start();
  await server.post('/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } });
});
afterAll(() => server.close());

it('watches that begin at whatever version see the same changes in the same order', async () => {
  const client = server.client();
  const within = { namespace: 'default', labelSelector: 'ordered=yes' };
  const versionsOf = (from: string): { seen: string[]; stop(): void } => {
    const seen: string[] = [];
    const events = (all: WatchEvent<ConfigMap>[]) => {
      for (const { type, object } of all) if (type !== 'BOOKMARK') seen.push(object.metadata.resourceVersion ?? '');
    };
    const { stop } = client.watch(configmaps, { ...within, resourceVersion: from }, { events, end: () => {} });
    return { seen, stop };
  };
  const start = (await client.list(configmaps, within)).metadata.resourceVersion ?? '';
  const first = versionsOf(start);
  const others: { from: string; watch: ReturnType<typeof versionsOf> }[] = [];
  // Several writers at once, and watches that begin while they write.
  const writer = async (name: string) => {
    const metadata = { namespace: 'default', name, labels: { ordered: 'yes' } };
    for (let round = 0; round < 5; round++) {
      await client.create(configmaps, { metadata });
      const body = { data: { round: String(round) } };
      const { resourceVersion = '' } = (await client.patch(configmaps, metadata, { type: 'merge', body })).metadata;
      others.push({ from: resourceVersion, watch: versionsOf(resourceVersion) });
      await client.delete(configmaps, metadata);
    }
  };
  await Promise.all(['a', 'b', 'c', 'd'].map(writer));
  await vi.waitFor(() => expect(first.seen).toHaveLength(4 * 5 * 3));
  expect(first.seen.map(Number)).toEqual(first.seen.map(Number).sort((a, b) => a - b));
  for (const { from, watch } of others) {
    const rest = first.seen.slice(first.seen.indexOf(from) + 1);
    await vi.waitFor(() => expect(watch.seen).toEqual(rest));
    watch.stop();
  }
  first.stop();
});

it('a table is refused of what has no metadata to show', async () => {
  const body = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { resourceAttributes: { namespace: 'default', verb: 'get', resource: 'pods' } },
  };
  const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
  const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
  const answer = await server.send('POST', path, { body, headers: { accept } });
  expect([answer.status, answer.body.kind, answer.body.reason]).toEqual([406, 'Status', 'NotAcceptable']);
  expect((await server.get('/api/v1/namespaces/default/pods', { accept })).body.kind).toBe('Table');
});

describe('a namespace', () => {
  const namespaces = '/api/v1/namespaces';

  it('takes labels by patch and by update', async () => {
    await server.post(namespaces, { metadata: { name: 'labelled' } });
    const path = `${namespaces}/labelled`;
    const patched = await server.patch(
      path,
      { metadata: { labels: { patched: 'yes' } } },
      'strategic-merge-patch+json',
    );
    const own = { 'kubernetes.io/metadata.name': 'labelled' };
    expect([patched.status, patched.body.metadata.labels]).toEqual([200, { ...own, patched: 'yes' }]);
    const labels = { ...patched.body.metadata.labels, updated: 'yes' };
    const updated = await server.put(path, { ...patched.body, metadata: { ...patched.body.metadata, labels } });
    expect([updated.status, updated.body.metadata.labels]).toEqual([200, labels]);
    expect((await server.get(path)).body.metadata.labels).toEqual({ ...own, patched: 'yes', updated: 'yes' });
  });

  it('has a status of its own, which is read, patched and replaced', async () => {
    await server.post(namespaces, { metadata: { name: 'told' } });
    const path = `${namespaces}/told/status`;
    const read = await server.get(path);
    expect([read.status, read.body.status]).toEqual([200, { phase: 'Active' }]);
    const condition = (type: string) => ({ type, status: 'True', reason: 'E2E', message: 'set by a test' });
    const patched = await server.patch(path, {
      metadata: { annotations: { patched: 'yes' } },
      status: { conditions: [condition('StatusPatch')] },
    });
    expect(patched.body.metadata.annotations).toEqual({ patched: 'yes' });
    expect(patched.body.status.conditions).toMatchObject([condition('StatusPatch')]);
    const conditions = [...patched.body.status.conditions, condition('StatusUpdate')];
    const updated = await server.put(path, {
      ...patched.body,
      spec: { finalizers: ['test.io/not-here'] },
      status: { ...patched.body.status, conditions },
    });
    const now = (await server.get(`${namespaces}/told`)).body;
    expect(now.status.conditions).toMatchObject([condition('StatusPatch'), condition('StatusUpdate')]);
    expect([updated.status, now.spec.finalizers]).toEqual([200, ['kubernetes']]);
  });

  it('takes a finalizer on and lays it off where that is done', async () => {
    const { body } = await server.post(namespaces, { metadata: { name: 'held' } });
    const finalize = (finalizers: string[]) =>
      server.put(`${namespaces}/held/finalize`, { ...body, metadata: { name: 'held' }, spec: { finalizers } });
    const stored = async () => (await server.get(`${namespaces}/held`)).body.spec.finalizers;
    expect((await finalize(['kubernetes', 'test.io/fake'])).status).toBe(200);
    expect(await stored()).toEqual(['kubernetes', 'test.io/fake']);
    const plain = await server.patch(`${namespaces}/held`, { spec: { finalizers: ['kubernetes'] } });
    expect([plain.status, await stored()]).toEqual([200, ['kubernetes', 'test.io/fake']]);
    expect((await finalize(['kubernetes'])).status).toBe(200);
    expect(await stored()).toEqual(['kubernetes']);
  });
});

describe('a limit range', () => {
  const path = '/api/v1/namespaces/default/limitranges';
  const pods = '/api/v1/namespaces/default/pods';
  const amounts = (cpu: string, memory: string, storage: string) => ({ cpu, memory, 'ephemeral-storage': storage });
  const run = async (name: string, resources: object) => {
    const spec = { containers: [{ name: 'c', image: 'i', resources }] };
    const { status, body } = await server.post(pods, { metadata: { name }, spec });
    return status === 201 ? body.spec.containers[0].resources : [status, body.reason];
  };

  it('gives pods what they do not ask for, and refuses those out of its bounds, as it then is', async () => {
    const requests = amounts('100m', '200Mi', '200Gi');
    const limits = amounts('500m', '500Mi', '500Gi');
    const limit = {
      type: 'Container',
      min: amounts('50m', '100Mi', '100Gi'),
      max: limits,
      default: limits,
      defaultRequest: requests,
    };
    const { body } = await server.post(path, { metadata: { name: 'range' }, spec: { limits: [limit] } });
    expect(body.spec.limits).toEqual([limit]);
    expect((await server.get(`${path}/range`)).body.spec).toEqual(body.spec);
    expect(await run('without', {})).toEqual({ requests, limits });
    const some = { requests: { cpu: '300m', memory: '150Mi' }, limits: { cpu: '300m', 'ephemeral-storage': '300Gi' } };
    // Without a request, a limit of one's own is one's request, too.
    expect(await run('partly', some)).toEqual({
      requests: { 'ephemeral-storage': '300Gi', ...some.requests },
      limits: { ...limits, ...some.limits },
    });
    const small = { requests: amounts('10m', '50Mi', '50Gi') };
    const large = { limits: amounts('600m', '600Mi', '600Gi') };
    expect(await run('small', small)).toEqual([403, 'Forbidden']);
    expect(await run('large', large)).toEqual([403, 'Forbidden']);

    const lower = { ...limit, min: amounts('9m', '49Mi', '49Gi') };
    const updated = await server.put(`${path}/range`, { ...body, spec: { limits: [lower] } });
    expect(updated.body.spec.limits[0].min).toEqual(lower.min);
    expect(await run('small', small)).toEqual({ ...small, limits });
    expect(await run('large', large)).toEqual([403, 'Forbidden']);
    expect((await server.send('DELETE', `${path}/range`)).status).toBe(200);
    expect(await run('large', large)).toEqual({ ...large, requests: large.limits });
  });
});

describe('events of events.k8s.io', () => {
  const group = '/apis/events.k8s.io/v1';
  const path = `${group}/namespaces/default/events`;
  const labels = { lifecycle: 'events' };
  const event = (name: string) => ({
    ...{ apiVersion: 'events.k8s.io/v1', kind: 'Event', metadata: { name, namespace: 'default', labels } },
    ...{ eventTime: '2026-01-01T00:00:00.000001Z', action: 'Do', reason: 'Test', type: 'Normal', note: 'as made' },
    ...{ reportingController: 'test-controller', reportingInstance: 'test-node' },
    regarding: { namespace: 'default' },
  });
  const listed = async (at: string) =>
    (await server.get(`${at}?labelSelector=lifecycle=events`)).body.items.map(
      ({ metadata }: { metadata: { name: string } }) => metadata.name,
    );
  const series = (count: number) => ({ count, lastObservedTime: '2026-01-01T00:00:01.000002Z' });

  it('are made, found, listed, patched, replaced and deleted', async () => {
    const { status, body } = await server.post(path, event('one'));
    expect([status, body]).toMatchObject([201, event('one')]);
    expect([await listed(path), await listed(`${group}/events`)]).toEqual([['one'], ['one']]);
    expect((await server.get(`${path}/one`)).body).toEqual(body);
    const patched = await server.patch(`${path}/one`, { series: series(2) }, 'strategic-merge-patch+json');
    expect(patched.body.series).toEqual(series(2));
    const updated = await server.put(`${path}/one`, { ...patched.body, series: series(100) });
    expect([updated.status, updated.body.series]).toEqual([200, series(100)]);
    expect((await server.get(`${path}/one`)).body).toEqual(updated.body);
    expect((await server.send('DELETE', `${path}/one`)).status).toBe(200);
    expect([await listed(path), await listed(`${group}/events`)]).toEqual([[], []]);
  });

  it('go with their collection', async () => {
    for (const name of ['one', 'two', 'three']) expect((await server.post(path, event(name))).status).toBe(201);
    expect(await listed(path)).toEqual(['one', 'three', 'two']);
    expect((await server.send('DELETE', `${path}?labelSelector=lifecycle=events`)).status).toBe(200);
    expect(await listed(path)).toEqual([]);
  });
});

describe('jobs without their controller', () => {
  const path = '/apis/batch/v1/namespaces/default/jobs';
  const labels = { lifecycle: 'jobs' };
  const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } };
  const make = (name: string, spec: object = {}) =>
    server.post(path, { metadata: { name, labels }, spec: { template, ...spec } });

  it('have a status of its own, which is patched, replaced and read', async () => {
    await make('told');
    const startTime = '2026-01-01T00:00:00Z';
    const patched = await server.patch(`${path}/told/status`, {
      metadata: { annotations: { patched: 'yes' } },
      status: { startTime },
    });
    expect(patched.body).toMatchObject({ metadata: { annotations: { patched: 'yes' } }, status: { startTime } });
    const status = { startTime, active: 1, ready: 0, uncountedTerminatedPods: {} };
    const updated = await server.put(`${path}/told/status`, { ...patched.body, status });
    expect([updated.status, updated.body.status]).toEqual([200, status]);
    expect((await server.get(`${path}/told/status`)).body).toEqual(updated.body);
    await server.send('DELETE', `${path}/told`);
  });

  it('are made suspended, patched, updated, listed everywhere, and go with their collection', async () => {
    const made = await make('kept', { suspend: true, parallelism: 2, completions: 4, backoffLimit: 6 });
    expect(made.body.spec).toMatchObject({ suspend: true, parallelism: 2, completions: 4 });
    const patched = await server.patch(`${path}/kept`, {
      metadata: { labels: { patched: 'yes' } },
      spec: { suspend: false },
    });
    expect(patched.body).toMatchObject({
      metadata: { labels: { ...labels, patched: 'yes' } },
      spec: { suspend: false },
    });
    const annotations = { updated: 'yes' };
    const updated = await server.put(`${path}/kept`, {
      ...patched.body,
      metadata: { ...patched.body.metadata, annotations },
    });
    expect(updated.body.metadata.annotations).toEqual(annotations);
    const selected = '?labelSelector=lifecycle=jobs,patched=yes';
    expect((await server.get(`/apis/batch/v1/jobs${selected}`)).body.items).toHaveLength(1);
    const left = await server.send('DELETE', `${path}${selected}&propagationPolicy=Background`);
    expect(left.status).toBe(200);
    expect((await server.get(`/apis/batch/v1/jobs${selected}`)).body.items).toEqual([]);
  });
});
