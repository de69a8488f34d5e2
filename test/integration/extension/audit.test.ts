import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuditEvent } from '../../../src/apiserver/audit/event.ts';
import { LogSink } from '../../../src/apiserver/audit/log-sink.ts';
import { parseAuditPolicy } from '../../../src/apiserver/audit/policy.ts';
import { WebhookSink } from '../../../src/apiserver/audit/webhook-sink.ts';
import { parseWebhookServer } from '../../../src/apiserver/webhook/kubeconfig.ts';
import { realClock } from '../../../src/base/clock.ts';
import { silentLog } from '../../../src/base/log.ts';
import { createAuthority, issueCertificate } from '../../../src/pki/issue.ts';
import { MemoryJournal } from '../../../src/store/memory-journal.ts';
import { ApiProcess } from './api-process.ts';
import { WebhookServer } from './webhook-server.ts';

const maps = '/api/v1/namespaces/default/configmaps';
const policy = `
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - { level: RequestResponse, resources: [{ resources: [configmaps] }], omitManagedFields: true }
  - { level: Metadata, resources: [{ resources: [secrets, pods] }] }
  - { level: Metadata, nonResourceURLs: [/version] }
  - { level: Metadata, userGroups: ["system:unauthenticated"] }
`;

describe('audit of a real API server', () => {
  let server: ApiProcess;
  let receiver: Server;
  const received: { kind: string; items: AuditEvent[] }[] = [];
  const dir = mkdtempSync(join(tmpdir(), 'audit-'));
  const path = join(dir, 'audit.log');
  const deps = { clock: realClock, log: silentLog };

  /** What the log says of requests with an id, once it says it. */
  const events = async (auditID: string, count = 1): Promise<AuditEvent[]> => {
    for (;;) {
      const lines = readFileSync(path, 'utf8')
        .trim()
        .split('\n')
        .filter((line) => line !== '');
      const found = lines.map((line) => JSON.parse(line) as AuditEvent).filter((event) => event.auditID === auditID);
      if (found.length >= count) return found;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  const asked = (id: string, more: Record<string, string> = {}) => ({ 'audit-id': id, ...more });

  beforeAll(async () => {
    const dates = { notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + 3_600_000 };
    const ca = await createAuthority('receiver-ca', dates);
    const own = await issueCertificate(ca, {
      commonName: 'receiver',
      hosts: ['127.0.0.1'],
      usages: ['server auth'],
      ...dates,
    });
    receiver = createServer(own, (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        received.push(JSON.parse(Buffer.concat(chunks).toString()));
        response.end();
      });
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    const { port } = receiver.address() as AddressInfo;
    const cluster = {
      server: `https://127.0.0.1:${port}/audit`,
      'certificate-authority-data': Buffer.from(ca.cert).toString('base64'),
    };
    const target = parseWebhookServer(
      JSON.stringify({ clusters: [{ name: 'a', cluster }], contexts: [{ name: 'c', context: { cluster: 'a' } }] }),
      () => '',
    );
    server = await ApiProcess.start(new MemoryJournal(), {
      audit: { policy: parseAuditPolicy(policy), sinks: [new LogSink(deps, { path }), new WebhookSink(deps, target)] },
    });
  });
  afterAll(() => {
    receiver.close();
    rmSync(dir, { recursive: true });
  });

  it('tells who made what, and what became of it', async () => {
    const body = { metadata: { name: 'told' }, data: { a: 'b' } };
    const answer = await server.send('POST', maps, { body, headers: asked('one') });
    expect([answer.status, answer.headers['audit-id']]).toEqual([201, 'one']);
    const [event] = await events('one');
    expect(event).toMatchObject({
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: 'RequestResponse',
      stage: 'ResponseComplete',
      requestURI: maps,
      verb: 'create',
      user: { username: 'kubernetes-admin', groups: ['system:masters', 'system:authenticated'] },
      sourceIPs: ['127.0.0.1'],
      objectRef: { resource: 'configmaps', namespace: 'default', name: 'told', apiVersion: 'v1' },
      responseStatus: { metadata: {}, code: 201 },
      requestObject: body,
      responseObject: {
        kind: 'ConfigMap',
        metadata: { name: 'told', uid: answer.body.metadata.uid },
        data: { a: 'b' },
      },
      annotations: { 'authorization.k8s.io/decision': 'allow', 'authorization.k8s.io/reason': '' },
    });
    expect(event?.responseObject).not.toHaveProperty('metadata.managedFields');
  });

  it('tells of refusals, and in whose name they were asked', async () => {
    const path = '/api/v1/namespaces/default/secrets/a';
    const answer = await server.get(path, asked('two', { 'impersonate-user': 'olav' }));
    expect(answer.status).toBe(403);
    const [event] = await events('two');
    expect(event).toMatchObject({
      level: 'Metadata',
      user: { username: 'kubernetes-admin' },
      impersonatedUser: { username: 'olav', groups: ['system:authenticated'] },
      responseStatus: { status: 'Failure', reason: 'Forbidden', code: 403, message: answer.body.message },
      annotations: { 'authorization.k8s.io/decision': 'forbid' },
    });
    expect(event).not.toHaveProperty('responseObject');
  });

  it('tells twice of what goes on for long, and of paths', async () => {
    await server.get('/api/v1/namespaces/default/pods?watch=1&timeoutSeconds=1', asked('four'));
    expect((await events('four', 2)).map(({ stage, verb }) => [stage, verb])).toEqual([
      ['ResponseStarted', 'watch'],
      ['ResponseComplete', 'watch'],
    ]);
    await server.get('/version', asked('five'));
    expect((await events('five'))[0]).toMatchObject({ requestURI: '/version', verb: 'get' });
    expect((await events('five'))[0]).not.toHaveProperty('objectRef');
  });

  it('says nothing of what the policy does not want, but gives every answer an id', async () => {
    const answer = await server.get('/api/v1/namespaces/default/services');
    expect(answer.headers['audit-id']).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4/);
    expect(readFileSync(path, 'utf8')).not.toContain(String(answer.headers['audit-id']));
  });

  it('has the remarks of webhooks and policies', async () => {
    const hooks = await WebhookServer.start(server.pki);
    const rules = [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] }];
    const group = '/apis/admissionregistration.k8s.io/v1';
    const clientConfig = hooks.on('/remark', () => ({ allowed: true, auditAnnotations: { seen: 'yes' } }));
    const webhook = {
      name: 'remark.test.io',
      rules,
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
      clientConfig,
    };
    await server.post(`${group}/validatingwebhookconfigurations`, {
      metadata: { name: 'remark' },
      webhooks: [webhook],
    });
    await server.post(`${group}/validatingadmissionpolicies`, {
      metadata: { name: 'remarks' },
      spec: {
        matchConstraints: { resourceRules: rules },
        validations: [{ expression: 'size(object.data) < 1', message: 'too much' }],
        auditAnnotations: [{ key: 'size', valueExpression: 'string(size(object.data))' }],
      },
    });
    await server.post(`${group}/validatingadmissionpolicybindings`, {
      metadata: { name: 'bound' },
      spec: { policyName: 'remarks', validationActions: ['Audit'] },
    });
    const body = { metadata: { name: 'remarked' }, data: { a: 'b' } };
    expect((await server.send('POST', maps, { body, headers: asked('six') })).status).toBe(201);
    const { annotations } = (await events('six'))[0] as AuditEvent;
    expect(annotations).toMatchObject({ 'remark.test.io/seen': 'yes', 'remarks/size': '1' });
    expect(JSON.parse(annotations?.['validation.policy.admission.k8s.io/validation_failure'] ?? '')).toEqual([
      { message: 'too much', policy: 'remarks', binding: 'bound', expressionIndex: 0, validationActions: ['Audit'] },
    ]);
    await hooks.close();
    for (const path of ['validatingwebhookconfigurations/remark', 'validatingadmissionpolicybindings/bound'])
      await server.send('DELETE', `${group}/${path}`);
  });

  it('tells of parts of this process, too', async () => {
    const client = server.client('inside');
    const resource = { group: '', version: 'v1', resource: 'configmaps', kind: 'ConfigMap', namespaced: true };
    await client.create(resource as never, { metadata: { name: 'inner', namespace: 'default' } } as never);
    const found = () =>
      readFileSync(path, 'utf8')
        .split('\n')
        .filter((line) => line.includes('"userAgent":"inside"'));
    while (found().length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(JSON.parse(found()[0] as string)).toMatchObject({
      requestURI: maps,
      verb: 'create',
      user: { username: 'admin' },
      objectRef: { name: 'inner' },
      responseStatus: { code: 201 },
    });
  });

  it('sends the same to a webhook, many at a time; what is left when the server ends', async () => {
    await server.close();
    const lines = readFileSync(path, 'utf8').trim().split('\n');
    expect(received.map(({ kind }) => kind)).toEqual(['EventList']);
    expect(received.flatMap(({ items }) => items.map(({ auditID }) => auditID))).toEqual(
      lines.map((line) => JSON.parse(line).auditID),
    );
  });
});

describe('pod security', () => {
  it('holds in a namespace that asks for it', async () => {
    const server = await ApiProcess.start();
    const metadata = {
      name: 'strict',
      labels: { 'pod-security.kubernetes.io/enforce': 'baseline', 'pod-security.kubernetes.io/warn': 'restricted' },
    };
    await server.post('/api/v1/namespaces', { metadata });
    await server.post('/api/v1/namespaces/strict/serviceaccounts', { metadata: { name: 'default' } });
    const pod = (name: string, securityContext: object) => ({
      metadata: { name },
      spec: { containers: [{ name: 'a', image: 'x', securityContext }] },
    });
    const path = '/api/v1/namespaces/strict/pods';
    const refused = await server.post(path, pod('root', { privileged: true }));
    expect([refused.status, refused.body.message]).toEqual([
      403,
      'pods "root" is forbidden: violates PodSecurity "baseline:latest": privileged (container "a" must not set securityContext.privileged=true)',
    ]);
    const warned = await server.post(
      path,
      pod('plain', { allowPrivilegeEscalation: false, runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } }),
    );
    expect([warned.status, warned.headers.warning]).toEqual([
      201,
      String.raw`299 - "would violate PodSecurity \"restricted:latest\": unrestricted capabilities (container \"a\" must set securityContext.capabilities.drop=[\"ALL\"])"`,
    ]);
    const stricter = await server.patch('/api/v1/namespaces/strict', {
      metadata: { labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
    });
    expect(stricter.headers.warning).toContain('plain: unrestricted capabilities');
    await server.close();
  });
});
