import { afterAll, beforeAll, expect, it } from 'vitest';
import { configmaps } from '../api/generated/resources.ts';
import { startTestServer, type TestServer } from './replay/server.fake.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
}, 60_000);
afterAll(() => server.close());

const metrics = async () => (await server.send({ method: 'GET', path: '/metrics' })).body.toString();
const maps = '/api/v1/namespaces/default/configmaps';

it('are served in the text format, with upstream’s names and labels', async () => {
  await server.send({ method: 'GET', path: `${maps}/nope` });
  await server.send({ method: 'POST', path: `${maps}?dryRun=All`, body: '{"metadata":{"name":"a"}}' });
  const { headers } = await server.send({ method: 'GET', path: '/metrics' });
  expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
  const text = await metrics();
  const labels = 'group="",version="v1",resource="configmaps",subresource=""';
  expect(text).toContain(
    `apiserver_request_total{verb="GET",dry_run="",${labels},scope="resource",component="apiserver",code="404"} 1\n`,
  );
  expect(text).toContain(
    `apiserver_request_total{verb="POST",dry_run="All",${labels},scope="namespace",component="apiserver",code="201"} 1\n`,
  );
  expect(text).toMatch(
    /^apiserver_request_duration_seconds_bucket\{verb="GET",.*resource="configmaps".*,le="0.005"\} 1$/m,
  );
  expect(text).toMatch(/^apiserver_storage_objects\{resource="namespaces"\} 4$/m);
  expect(text).toMatch(/^apiserver_flowcontrol_nominal_limit_seats\{priority_level="workload-low"\} 245$/m);
  // This very request.
  expect(text).toMatch(/^apiserver_current_inflight_requests\{request_kind="readOnly"\} 1$/m);
  expect(text).toMatch(/^process_resident_memory_bytes \d{7,}$/m);
});

it('tell of watches, and of what they were sent', async () => {
  const watch = server.send({
    method: 'GET',
    path: `${maps}?watch=true`,
    enough: (body) => body.includes('watched'),
  });
  await expect.poll(metrics).toMatch(/^apiserver_longrunning_requests\{verb="WATCH".*resource="configmaps".*\} 1$/m);
  await server.admin.create(configmaps, { metadata: { name: 'watched', namespace: 'default' } });
  await watch;
  const text = await metrics();
  const sent = text.split('\n').filter((line) => line.startsWith('apiserver_watch_events_total'));
  expect(sent).toEqual(['apiserver_watch_events_total{group="",version="v1",resource="configmaps"} 1']);
  expect(text).not.toMatch(/^apiserver_longrunning_requests\{/m);
});

/** What dashboards and alerts of kube-prometheus ask an API server for, and is there once something has happened. */
const asked = [
  'aggregator_unavailable_apiservice',
  'apiserver_admission_controller_admission_duration_seconds_bucket',
  'apiserver_admission_step_admission_duration_seconds_count',
  'apiserver_client_certificate_expiration_seconds_bucket',
  'apiserver_current_inflight_requests',
  'apiserver_flowcontrol_current_executing_requests',
  'apiserver_flowcontrol_current_inqueue_requests',
  'apiserver_flowcontrol_dispatched_requests_total',
  'apiserver_flowcontrol_nominal_limit_seats',
  'apiserver_flowcontrol_request_execution_seconds_count',
  'apiserver_flowcontrol_request_wait_duration_seconds_bucket',
  'apiserver_longrunning_requests',
  'apiserver_request_duration_seconds_bucket',
  'apiserver_request_sli_duration_seconds_bucket',
  'apiserver_request_total',
  'apiserver_requested_deprecated_apis',
  'apiserver_storage_objects',
  'apiserver_watch_events_sizes_sum',
  'apiserver_watch_events_total',
  'authenticated_user_requests',
  'authentication_attempts',
  'authentication_duration_seconds_bucket',
  'authorization_attempts_total',
  'authorization_duration_seconds_count',
  'etcd_request_duration_seconds_bucket',
  'etcd_requests_total',
  'kubernetes_build_info',
  'process_cpu_seconds_total',
  'process_resident_memory_bytes',
  'process_start_time_seconds',
  'rest_client_requests_total',
];

it('are those that dashboards ask for', async () => {
  const watch = server.send({ method: 'GET', path: `${maps}?watch=true`, enough: (body) => body.includes('asked') });
  await server.admin.create(configmaps, { metadata: { name: 'asked', namespace: 'default' } });
  await watch;
  await server.send({ method: 'GET', path: '/api/v1/componentstatuses' });
  await server.send({ method: 'GET', path: '/api/v1/namespaces/default/endpoints' });
  const open = server.send({ method: 'GET', path: `${maps}?watch=true`, enough: (body) => body.includes('again') });
  await expect.poll(metrics).toMatch(/^apiserver_longrunning_requests\{/m);
  const names = new Set((await metrics()).split('\n').map((line) => line.split(/[ {]/)[0] ?? ''));
  expect(asked.filter((name) => !names.has(name))).toEqual([]);
  await server.admin.create(configmaps, { metadata: { name: 'again', namespace: 'default' } });
  await open;
});

it('tell who asked and whether they might, and what was refused', async () => {
  const value = async (series: string) => Number(new RegExp(`^${series} (.+)$`, 'm').exec(await metrics())?.[1] ?? 0);
  const denied = 'authorization_attempts_total\\{result="no-opinion"\\}';
  const before = await value(denied);
  await server.send({ method: 'GET', path: `${maps}/a`, anonymous: true });
  expect(await value(denied)).toBe(before + 1);
  const failed = 'authentication_attempts\\{result="failure"\\}';
  await server.send({ method: 'GET', path: maps, anonymous: true, headers: { authorization: 'Bearer nobody' } });
  expect(await value(failed)).toBe(1);
  const refused =
    'apiserver_admission_controller_admission_duration_seconds_count\\{name="NamespaceLifecycle",operation="CREATE",rejected="true",type="admit"\\}';
  await server.send({ method: 'POST', path: '/api/v1/namespaces/none/configmaps', body: '{"metadata":{"name":"a"}}' });
  expect(await value(refused)).toBe(1);
});

it('are for those who may see them', async () => {
  expect((await server.send({ method: 'GET', path: '/metrics', anonymous: true })).status).toBe(403);
});

it('have no series for what a client makes up: groups, kinds, subresources, methods and modes', async () => {
  const madeUp = Array.from({ length: 20 }, (_, i) => [
    { method: 'GET', path: `/apis/no${i}.example.com/v1/things` },
    { method: 'GET', path: `/api/v1/namespaces/default/no${i}` },
    { method: 'GET', path: `${maps}/a/no${i}` },
    { method: `NO${i}`, path: maps },
    { method: 'GET', path: `/no${i}` },
    { method: 'DELETE', path: `${maps}/a?dryRun=no${i}` },
  ]).flat();
  for (const request of madeUp.slice(0, 6)) await server.send(request);
  const linesOf = async () => (await metrics()).split('\n').length;
  // Once more: reading is counted, too.
  await linesOf();
  const before = await linesOf();
  for (const request of madeUp) await server.send(request);
  expect(await linesOf()).toBe(before);
});
