import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { VirtualClock } from '../../base/virtual-clock.ts';
import { realClock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import { Metrics } from '../../base/metrics.ts';
import { createAuthority, issueCertificate } from '../../pki/issue.ts';
import { Impersonation } from '../authn/impersonation.ts';
import type { UserInfo } from '../authn/user-info.ts';
import { ImpersonationMetrics } from '../metrics/impersonation.ts';
import type { WebhookServer } from '../webhook/kubeconfig.ts';
import { atOnce } from './at-once.fake.ts';
import type { Attributes, Decision } from './attributes.ts';
import { authorizationChain } from './authorization-chain.ts';
import { parseAuthorizationConfig } from './authorization-config.ts';
import { Authorizer } from './authorizer.ts';
import { checkEscalation } from './escalation.ts';
import { review } from './reviews.ts';
import { webhookAuthorizerMetrics } from './webhook-metrics.ts';

const jane: UserInfo = { name: 'jane', uid: 'u1', groups: ['dev'], extra: { 'test.io/team': ['a'] } };
const getPods: Attributes = { verb: 'list', group: '', version: 'v1', resource: 'pods', namespace: 'apps' };
const rbac = { type: 'RBAC', name: 'rbac' };
const validity = { notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + 3_600_000 };

let server: Server;
let at: WebhookServer;
let asked: { apiVersion: string; spec: Record<string, unknown> }[];
let answer: (spec: Record<string, unknown>) => object | number;
const virtual = new VirtualClock();
/** Sockets go by the machine's clock, what is remembered by one that the test moves. */
const clock = { ...realClock, now: () => virtual.now(), after: realClock.after.bind(realClock) };

beforeEach(async () => {
  asked = [];
  answer = () => ({ allowed: false });
  const ca = await createAuthority('hooks', validity);
  const own = await issueCertificate(ca, {
    ...validity,
    commonName: 'hook',
    hosts: ['127.0.0.1'],
    usages: ['server auth'],
  });
  server = createServer({ cert: own.cert, key: own.key }, async (request, response) => {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    const body = JSON.parse(text) as (typeof asked)[number];
    asked.push(body);
    const status = answer(body.spec);
    response.statusCode = typeof status === 'number' ? status : 201;
    response.end(JSON.stringify({ ...body, status }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  at = { url: new URL(`https://127.0.0.1:${port}/authorize`), tls: { ca: ca.cert } };
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

function chain(more: object = {}, after: object[] = [rbac], metrics = new Metrics()): Authorizer {
  const authorizer = new Authorizer(() => undefined);
  const webhook = {
    timeout: '3s',
    subjectAccessReviewVersion: 'v1',
    failurePolicy: 'NoOpinion',
    connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: '/hook' },
    matchConditionSubjectAccessReviewVersion: 'v1',
    ...more,
  };
  const authorizers = [{ type: 'Webhook', name: 'hook', webhook }, ...after];
  const written = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthorizationConfiguration', authorizers };
  const config = parseAuthorizationConfig(JSON.stringify(written), () => true);
  const backoff = { firstMs: 1, factor: 1, attempts: 2 };
  const deps = { clock, log: silentLog, metrics: webhookAuthorizerMetrics(metrics), own: authorizer.own, backoff };
  authorizer.configure(authorizationChain({ ...deps, serverOf: () => at }, config));
  return authorizer;
}

const grant = (authorizer: Authorizer): void => {
  const group = 'rbac.authorization.k8s.io';
  const rules = [{ apiGroups: [''], resources: ['pods'], verbs: ['list'] }];
  authorizer.observe(`clusterroles.${group}`, 'ADDED', { metadata: { name: 'r' }, rules } as never);
  const roleRef = { apiGroup: group, kind: 'ClusterRole', name: 'r' };
  const subjects = [{ kind: 'User', name: 'jane' }];
  authorizer.observe(`clusterrolebindings.${group}`, 'ADDED', { metadata: { name: 'b' }, roleRef, subjects } as never);
};

describe('a webhook', () => {
  it('is asked by a SubjectAccessReview', async () => {
    answer = () => ({ allowed: true, reason: 'by the book' });
    const attributes = { ...getPods, fieldSelector: 'spec.nodeName=n1', labelSelector: 'app in (a,b),!old' };
    expect(await chain().authorize(jane, attributes)).toEqual({ allowed: true, reason: 'by the book' });
    expect(asked).toEqual([
      {
        kind: 'SubjectAccessReview',
        apiVersion: 'authorization.k8s.io/v1',
        metadata: {},
        spec: {
          resourceAttributes: {
            namespace: 'apps',
            verb: 'list',
            version: 'v1',
            resource: 'pods',
            fieldSelector: { requirements: [{ key: 'spec.nodeName', operator: 'In', values: ['n1'] }] },
            labelSelector: {
              requirements: [
                { key: 'app', operator: 'In', values: ['a', 'b'] },
                { key: 'old', operator: 'DoesNotExist' },
              ],
            },
          },
          user: 'jane',
          groups: ['dev'],
          extra: { 'test.io/team': ['a'] },
          uid: 'u1',
        },
        status: { allowed: false },
      },
    ]);
  });

  it('is asked in v1beta1 when it wants that, and about paths', async () => {
    await chain({ subjectAccessReviewVersion: 'v1beta1' }).authorize(jane, { verb: 'get', path: '/metrics' });
    expect(asked[0]).toMatchObject({
      apiVersion: 'authorization.k8s.io/v1beta1',
      spec: { nonResourceAttributes: { verb: 'get', path: '/metrics' }, user: 'jane', group: ['dev'] },
    });
  });

  it.each<[string, object, Decision]>([
    ['allows', { allowed: true }, { allowed: true, reason: '' }],
    [
      'denies, and RBAC is not asked',
      { allowed: false, denied: true, reason: 'no' },
      { allowed: false, denied: true, reason: 'no' },
    ],
    [
      'has no opinion, and RBAC decides',
      { allowed: false, reason: 'hm' },
      { allowed: true, reason: 'RBAC: allowed by ClusterRoleBinding "b" of ClusterRole "r" to User "jane"' },
    ],
    [
      'says both, which is no',
      { allowed: true, denied: true },
      {
        allowed: false,
        denied: true,
        reason: '',
        error: 'webhook subject access review returned both allow and deny response',
      },
    ],
  ])('%s', async (_, status, decision) => {
    answer = () => status;
    const authorizer = chain();
    grant(authorizer);
    expect(await authorizer.authorize(jane, getPods)).toEqual(decision);
  });

  it('is not asked about system:masters, nor about what was decided before it', async () => {
    const authorizer = chain({}, []);
    expect(atOnce(authorizer.authorize({ name: 'root', groups: ['system:masters'] }, getPods)).allowed).toBe(true);
    const [hook] = [chain()];
    hook.configure([{ name: 'all', authorize: () => ({ allowed: true, reason: '' }) }]);
    expect(atOnce(hook.authorize(jane, getPods)).allowed).toBe(true);
    expect(asked).toEqual([]);
  });

  it('is remembered for as long as the answer may be', async () => {
    const authorizer = chain({ authorizedTTL: '10s', unauthorizedTTL: '1s' }, []);
    answer = ({ user }) => ({ allowed: user === 'jane' });
    expect((await authorizer.authorize(jane, getPods)).allowed).toBe(true);
    await virtual.advance(9000);
    expect(atOnce(authorizer.authorize(jane, getPods)).allowed).toBe(true);
    await virtual.advance(1001);
    expect(authorizer.authorize(jane, getPods)).toBeInstanceOf(Promise);
    await expect.poll(() => asked.length).toBe(2);

    const joe = { name: 'joe', groups: [] };
    expect((await authorizer.authorize(joe, getPods)).allowed).toBe(false);
    expect(atOnce(authorizer.authorize(joe, getPods)).allowed).toBe(false);
    await virtual.advance(1001);
    expect(authorizer.authorize(joe, getPods)).toBeInstanceOf(Promise);
    await expect.poll(() => asked.length).toBe(4);
  });

  it('is not remembered where it must not be, nor for questions that are too long', async () => {
    answer = ({ user }) => ({ allowed: user === 'jane' });
    const never = chain({ cacheAuthorizedRequests: false }, []);
    for (let i = 0; i < 2; i++) await never.authorize(jane, getPods);
    expect(asked.length).toBe(2);
    const long = { ...getPods, name: 'x'.repeat(10_000) };
    for (let i = 0; i < 2; i++) await never.authorize({ name: 'joe', groups: [] }, long);
    expect(asked.length).toBe(4);
  });

  it.each([
    ['NoOpinion', undefined],
    ['Deny', true],
  ] as const)('that fails means %s', async (failurePolicy, denied) => {
    const metrics = new Metrics();
    answer = () => 500;
    const authorizer = chain({ failurePolicy }, [rbac], metrics);
    const decision = await authorizer.authorize(jane, getPods);
    expect(decision).toMatchObject({ allowed: false, error: expect.stringContaining('status 500') });
    expect(decision.denied).toBe(denied);
    grant(authorizer);
    expect((await authorizer.authorize(jane, getPods)).allowed).toBe(!denied);
    expect(metrics.text()).toContain('apiserver_authorization_webhook_evaluations_total{name="hook",result="error"} 2');
    // Each time it was asked once more.
    expect(asked.length).toBe(4);
  });

  it('that fails once is asked again', async () => {
    answer = () => (asked.length === 1 ? 503 : { allowed: true });
    expect((await chain().authorize(jane, getPods)).allowed).toBe(true);
    expect(asked.length).toBe(2);
  });

  it('that says no by its status is not asked again', async () => {
    answer = () => 403;
    const { error } = await chain().authorize(jane, getPods);
    expect([error?.replace(/:\d+/, ''), asked.length]).toEqual([
      'Post "https://127.0.0.1/authorize": the webhook answered with status 403',
      1,
    ]);
  });

  it('that does not answer in time fails', async () => {
    answer = () => {
      throw new Error('never');
    };
    server.removeAllListeners('request');
    const decision = await chain({ timeout: '50ms' }).authorize(jane, getPods);
    expect(decision.error).toContain('context deadline exceeded');
  });

  it.each<[string, string[], boolean]>([
    ['all hold', ["request.user == 'jane'", 'has(request.resourceAttributes)'], true],
    ['one does not', ["request.user == 'jane'", "'ops' in request.groups"], false],
    ['one fails and another does not hold', ["request.extra['no'][0] == 'a'", "'ops' in request.groups"], false],
  ])('is asked by its conditions: %s', async (_, expressions, isAsked) => {
    const matchConditions = expressions.map((expression) => ({ expression }));
    const authorizer = chain({ matchConditions }, []);
    const decision = await authorizer.authorize(jane, getPods);
    expect([decision, asked.length]).toEqual([{ allowed: false, reason: '' }, isAsked ? 1 : 0]);
  });

  it.each([
    ['NoOpinion', undefined],
    ['Deny', true],
  ] as const)('whose conditions fail means %s', async (failurePolicy, denied) => {
    const matchConditions = [{ expression: "request.extra['no'][0] == 'a'" }];
    const decision = atOnce(chain({ failurePolicy, matchConditions }, []).authorize(jane, getPods));
    expect([decision.denied, asked.length]).toEqual([denied, 0]);
    expect(decision.error).toContain('no such key: no');
  });
});

describe('what waits for the webhook', () => {
  it('is impersonation', async () => {
    answer = ({ resourceAttributes }) => {
      const { verb, resource } = resourceAttributes as { verb: string; resource: string };
      return { allowed: verb === 'impersonate' && resource === 'users' };
    };
    const impersonation = new Impersonation({
      authorizer: chain(),
      clock,
      metrics: new ImpersonationMetrics(new Metrics()),
    });
    const as = (headers: Record<string, string[]>) => impersonation.actingAs(jane, headers, () => getPods);
    expect(await as({ 'impersonate-user': ['joe'] })).toMatchObject({ user: { name: 'joe' } });
    const both = { 'impersonate-user': ['joe'], 'impersonate-group': ['ops'] };
    await expect(as(both)).rejects.toThrow('cannot impersonate resource "groups"');
  });

  it('is escalation', async () => {
    answer = ({ resourceAttributes }) => ({ allowed: (resourceAttributes as { name: string }).name === 'good' });
    const authorizer = chain();
    const write = (name: string) => ({
      user: jane,
      resource: 'roles',
      namespace: 'a',
      object: { metadata: { name }, rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }] } as never,
      old: undefined,
    });
    await checkEscalation(authorizer, write('good'));
    await expect(checkEscalation(authorizer, write('bad'))).rejects.toThrow('attempting to grant RBAC permissions');
  });

  it('are reviews, which say how it was decided', async () => {
    answer = () => ({ allowed: false, denied: true, reason: 'no' });
    const deps = { authorizer: chain(), authentication: { authenticateToken: async () => undefined } };
    const body = { kind: 'SelfSubjectAccessReview', spec: { resourceAttributes: { verb: 'get', resource: 'pods' } } };
    const asking = { user: jane, namespace: '' };
    expect(await review(deps, body, asking)).toMatchObject({ status: { allowed: false, denied: true, reason: 'no' } });
    const rules = { kind: 'SelfSubjectRulesReview', spec: { namespace: 'a' } };
    expect(await review(deps, rules, asking)).toMatchObject({
      status: { incomplete: true, evaluationError: 'webhook authorizer does not support user rule resolution' },
    });
  });
});
