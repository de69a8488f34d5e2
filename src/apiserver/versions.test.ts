import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeProtobuf } from '../api/schema/protobuf-decode.ts';
import { type RawAnswer, startTestServer, type TestServer } from './replay/server.fake.ts';

/** One object in several versions of its kind, over HTTPS as any client sees it. */
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ serving: { runtimeConfig: { 'api/all': true }, removed: true } });
});
afterAll(() => server.close());

type Json = Record<string, unknown>;
const bodyOf = (answer: RawAnswer): Json => JSON.parse(answer.body.toString('utf8')) as Json;

async function ask(method: string, path: string, body?: object, type = 'application/json'): Promise<Json> {
  const answer = await server.send({
    method,
    path,
    headers: { 'content-type': type },
    body: body && JSON.stringify(body),
  });
  return bodyOf(answer);
}

const apply = (path: string, manager: string, body: object, force = false) =>
  ask('PATCH', `${path}?fieldManager=${manager}&force=${force}`, body, 'application/apply-patch+yaml');

const v1 = '/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers';
const v2 = '/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers';
const target = { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }, maxReplicas: 5 };
const memory = {
  type: 'Resource',
  resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '1Gi' } },
};
const cpu = (averageUtilization: number) => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } },
});
const managersOf = ({ metadata }: Json): unknown[] =>
  (
    (metadata as { managedFields: { manager: string; apiVersion: string; fieldsV1: object }[] }).managedFields ?? []
  ).map(({ manager, apiVersion, fieldsV1 }) => [
    manager,
    apiVersion,
    Object.keys((fieldsV1 as { 'f:spec'?: object })['f:spec'] ?? {}),
  ]);

describe('autoscaling/v1', () => {
  it('writes what v2 reads, and reads what only v2 can say', async () => {
    await ask('POST', v1, { metadata: { name: 'a' }, spec: { ...target, targetCPUUtilizationPercentage: 50 } });
    const seen = await ask('GET', `${v2}/a`);
    expect(seen).toMatchObject({ apiVersion: 'autoscaling/v2', spec: { minReplicas: 1, metrics: [cpu(50)] } });
    const behavior = { scaleDown: { stabilizationWindowSeconds: 7 } };
    await ask('PUT', `${v2}/a`, { ...seen, spec: { ...(seen.spec as object), metrics: [memory, cpu(60)], behavior } });
    const old = await ask('GET', `${v1}/a`);
    expect(old.spec).toEqual({ ...target, minReplicas: 1, targetCPUUtilizationPercentage: 60 });
    const { annotations } = old.metadata as { annotations: Record<string, string> };
    expect(annotations['autoscaling.alpha.kubernetes.io/metrics']).toBe(
      '[{"type":"Resource","resource":{"name":"memory","targetAverageValue":"1Gi"}}]',
    );
    expect(annotations['autoscaling.alpha.kubernetes.io/behavior']).toContain('"StabilizationWindowSeconds":7');
    // An old client writes back what it read, with one change: nothing that only v2 can say is lost.
    await ask('PUT', `${v1}/a`, { ...old, spec: { ...(old.spec as object), maxReplicas: 9 } });
    const after = await ask('GET', `${v2}/a`);
    expect(after).toMatchObject({
      spec: { maxReplicas: 9, metrics: [memory, cpu(60)], behavior: { scaleDown: { stabilizationWindowSeconds: 7 } } },
    });
    expect((after.metadata as { annotations?: object }).annotations).toBeUndefined();
  });

  it('keeps the spec when it writes the status, and the other way round', async () => {
    await ask('POST', v2, { metadata: { name: 'b' }, spec: { ...target, metrics: [memory] } });
    const old = await ask('GET', `${v1}/b`);
    const metadata = { ...(old.metadata as object), annotations: {} };
    const told = await ask('PUT', `${v1}/b/status`, { ...old, metadata, status: { currentReplicas: 3 } });
    expect(told.status).toMatchObject({ currentReplicas: 3 });
    expect(await ask('GET', `${v2}/b`)).toMatchObject({ spec: { metrics: [memory] }, status: { currentReplicas: 3 } });
  });

  it('says what is wrong in the words of the stored version', async () => {
    const answer = await ask('POST', v1, {
      metadata: { name: 'c' },
      spec: { ...target, targetCPUUtilizationPercentage: -1 },
    });
    expect(answer).toMatchObject({
      reason: 'Invalid',
      details: { causes: [{ field: 'spec.metrics[0].resource.target.averageUtilization' }] },
    });
  });

  it('is told of in watches of either version, and in tables', async () => {
    const list = await ask('GET', v1);
    const { resourceVersion } = list.metadata as { resourceVersion: string };
    const watching = server.send({
      method: 'GET',
      path: `${v1}?watch=1&resourceVersion=${resourceVersion}&timeoutSeconds=5`,
      enough: (bytes) => bytes.includes('\n'),
    });
    await ask('POST', v2, { metadata: { name: 'd' }, spec: { ...target, metrics: [cpu(33)] } });
    const event = bodyOf(await watching);
    expect(event).toMatchObject({
      type: 'ADDED',
      object: { apiVersion: 'autoscaling/v1', spec: { targetCPUUtilizationPercentage: 33 } },
    });
    const table = await server.send({
      method: 'GET',
      path: `${v1}/d`,
      headers: { accept: 'application/json;as=Table;g=meta.k8s.io;v=v1' },
    });
    expect((bodyOf(table).rows as { cells: unknown[] }[])[0]?.cells.slice(0, 3)).toEqual([
      'd',
      'Deployment/web',
      'cpu: <unknown>/33%',
    ]);
  });

  it('is spoken in protobuf', async () => {
    const accept = 'application/vnd.kubernetes.protobuf';
    const { body } = await server.send({ method: 'GET', path: `${v1}/d`, headers: { accept } });
    const { spec } = decodeProtobuf(body);
    expect(spec).toEqual((await ask('GET', `${v1}/d`)).spec);
  });
});

describe('owners in several versions', () => {
  const path = `${v2}/owned`;
  it('own fields of their own version, and lose what others change in another', async () => {
    const meta = { name: 'owned', namespace: 'default' };
    const inV1 = (spec: object) => ({
      apiVersion: 'autoscaling/v1',
      kind: 'HorizontalPodAutoscaler',
      metadata: meta,
      spec,
    });
    const inV2 = (spec: object) => ({ ...inV1(spec), apiVersion: 'autoscaling/v2' });
    await apply(`${v1}/owned`, 'old', inV1({ ...target, targetCPUUtilizationPercentage: 50 }));
    const refused = await apply(path, 'new', inV2({ metrics: [cpu(70)] }));
    expect(refused).toMatchObject({ reason: 'Conflict' });
    expect(refused.message).toBe(
      'Apply failed with 1 conflict: conflict with "old": .spec.targetCPUUtilizationPercentage',
    );
    const forced = await apply(path, 'new', inV2({ metrics: [cpu(70)] }), true);
    expect(managersOf(forced)).toEqual([
      ['new', 'autoscaling/v2', ['f:metrics']],
      ['old', 'autoscaling/v1', ['f:maxReplicas', 'f:scaleTargetRef']],
    ]);
    // A change of what only v1 wrote leaves the owner of v2 alone.
    const scaled = await apply(`${v1}/owned`, 'old', inV1({ ...target, maxReplicas: 8 }));
    expect(managersOf(scaled)).toEqual([
      ['new', 'autoscaling/v2', ['f:metrics']],
      ['old', 'autoscaling/v1', ['f:maxReplicas', 'f:scaleTargetRef']],
    ]);
    expect((await ask('GET', path)).spec).toMatchObject({ maxReplicas: 8, metrics: [cpu(70)] });
  });

  it('take back in one version what they applied in another', async () => {
    const meta = { name: 'moved', namespace: 'default' };
    const kind = 'HorizontalPodAutoscaler';
    await apply(`${v2}/moved`, 'me', {
      apiVersion: 'autoscaling/v2',
      kind,
      metadata: meta,
      spec: { ...target, minReplicas: 2, metrics: [memory] },
    });
    const moved = await apply(`${v1}/moved`, 'me', {
      apiVersion: 'autoscaling/v1',
      kind,
      metadata: meta,
      spec: target,
    });
    expect(moved.spec).toEqual({ ...target, minReplicas: 1, targetCPUUtilizationPercentage: 80 });
    expect(managersOf(moved)).toEqual([['me', 'autoscaling/v1', ['f:maxReplicas', 'f:scaleTargetRef']]]);
  });
});

describe('events.k8s.io', () => {
  const core = '/api/v1/namespaces/default/events';
  const events = '/apis/events.k8s.io/v1/namespaces/default/events';
  it('shows the same events', async () => {
    await ask('POST', events, {
      metadata: { name: 'e' },
      regarding: { kind: 'Pod', name: 'p', namespace: 'default' },
      note: 'it did',
      reason: 'Did',
      action: 'Do',
      type: 'Normal',
      reportingController: 'me',
      reportingInstance: 'me-1',
      eventTime: '2026-01-01T00:00:00.000000Z',
    });
    expect(await ask('GET', `${core}/e`)).toMatchObject({
      apiVersion: 'v1',
      involvedObject: { kind: 'Pod', name: 'p' },
      message: 'it did',
      reportingComponent: 'me',
    });
    const found = await ask('GET', `${events}?fieldSelector=regarding.name%3Dp,reportingController%3Dme`);
    expect(found.items).toMatchObject([{ metadata: { name: 'e' }, note: 'it did' }]);
    expect((await ask('GET', `${core}?fieldSelector=involvedObject.name%3Dq`)).items).toEqual([]);
    expect((await ask('GET', `${core}?fieldSelector=regarding.name%3Dp`)).reason).toBe('BadRequest');
    await ask('DELETE', `${core}/e`);
    expect((await ask('GET', `${events}/e`)).reason).toBe('NotFound');
  });
});

describe('versions that are gone', () => {
  it('show ingresses as they were, with a warning', async () => {
    const path = '/apis/extensions/v1beta1/namespaces/default/ingresses';
    const body = {
      apiVersion: 'extensions/v1beta1',
      kind: 'Ingress',
      metadata: { name: 'i' },
      spec: {
        rules: [{ host: 'x.org', http: { paths: [{ path: '/', backend: { serviceName: 's', servicePort: 80 } }] } }],
      },
    };
    const answer = await server.send({
      method: 'POST',
      path,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    expect(answer.status).toBe(201);
    expect(answer.headers.warning).toBe(
      '299 - "extensions/v1beta1 Ingress is deprecated in v1.14+, unavailable in v1.22+; use networking.k8s.io/v1 Ingress"',
    );
    const backend = { service: { name: 's', port: { number: 80 } } };
    const paths = [{ path: '/', pathType: 'ImplementationSpecific', backend }];
    expect(await ask('GET', '/apis/networking.k8s.io/v1/namespaces/default/ingresses/i')).toMatchObject({
      spec: { rules: [{ http: { paths } }] },
    });
    expect(await ask('GET', '/apis/networking.k8s.io/v1beta1/namespaces/default/ingresses/i')).toMatchObject({
      spec: { rules: [{ http: { paths: [{ backend: { serviceName: 's', servicePort: 80 } }] } }] },
    });
  });
});

describe('what is served', () => {
  it('is what Kubernetes serves by itself, unless told', async () => {
    const plain = await startTestServer();
    const statusOf = async (path: string) => (await plain.send({ method: 'GET', path })).status;
    expect(await statusOf('/apis/autoscaling/v1/horizontalpodautoscalers')).toBe(200);
    expect(await statusOf('/apis/resource.k8s.io/v1/resourceslices')).toBe(200);
    for (const off of ['resource.k8s.io/v1beta2/resourceslices', 'resource.k8s.io/v1alpha3/devicetaintrules'])
      expect(await statusOf(`/apis/${off}`)).toBe(404);
    expect(await statusOf('/apis/extensions/v1beta1/ingresses')).toBe(404);
    const { groups } = bodyOf(await plain.send({ method: 'GET', path: '/apis' })) as { groups: { name: string }[] };
    expect(groups.map(({ name }) => name)).not.toContain('internal.apiserver.k8s.io');
    await plain.close();
  });

  it('has every version in every discovery, and prefers the stored one', async () => {
    const { versions, preferredVersion } = await ask('GET', '/apis/resource.k8s.io');
    expect((versions as { version: string }[]).map(({ version }) => version)).toEqual([
      'v1',
      'v1beta2',
      'v1beta1',
      'v1alpha3',
    ]);
    expect(preferredVersion).toMatchObject({ version: 'v1' });
    const { paths } = await ask('GET', '/openapi/v3');
    expect(Object.keys(paths ?? {})).toContain('apis/extensions/v1beta1');
  });

  it('warns of versions that go', async () => {
    const path = '/apis/networking.k8s.io/v1beta1/ipaddresses';
    const { headers } = await server.send({ method: 'GET', path });
    expect(headers.warning).toContain(
      'networking.k8s.io/v1beta1 IPAddress is deprecated in v1.34+, unavailable in v1.37+',
    );
  });
});

describe('resource.k8s.io/v1beta1', () => {
  it('keeps beside the name what later moved down', async () => {
    const claims = (version: string) => `/apis/resource.k8s.io/${version}/namespaces/default/resourceclaims`;
    const requests = [{ name: 'gpu', deviceClassName: 'gpu.example.com' }];
    await ask('POST', claims('v1beta1'), { metadata: { name: 'c' }, spec: { devices: { requests } } });
    const exactly = { deviceClassName: 'gpu.example.com', allocationMode: 'ExactCount', count: 1 };
    for (const version of ['v1', 'v1beta2'])
      expect(await ask('GET', `${claims(version)}/c`)).toMatchObject({
        apiVersion: `resource.k8s.io/${version}`,
        spec: { devices: { requests: [{ name: 'gpu', exactly }] } },
      });
    expect(await ask('GET', `${claims('v1beta1')}/c`)).toMatchObject({
      spec: { devices: { requests: [{ name: 'gpu', ...exactly }] } },
    });
  });
});
