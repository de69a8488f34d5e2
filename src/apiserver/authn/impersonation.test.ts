import { beforeEach, describe, expect, it } from 'vitest';
import { Metrics } from '../../base/metrics.ts';
import { VirtualClock } from '../../base/virtual-clock.ts';
import { type Attributes, type Decision, isResource } from '../authz/attributes.ts';
import { ImpersonationMetrics } from '../metrics/impersonation.ts';
import { Impersonation } from './impersonation.ts';
import { nodeNameKey, type UserInfo } from './user-info.ts';

let clock: VirtualClock;
let metrics: Metrics;
let impersonation: Impersonation;
/** What is allowed: questions, or what they begin with, each as `verb resource[/subresource][ name]`. */
let allowed: string[];
let asked: string[];
let askers: UserInfo[];
const why: Omit<Decision, 'allowed'> = { reason: 'deny by default' };

const text = (attributes: Attributes): string => {
  if (!isResource(attributes)) return `${attributes.verb} ${attributes.path}`;
  const { verb, resource, subresource, name } = attributes;
  return `${verb} ${resource}${subresource ? `/${subresource}` : ''}${name ? ` ${name}` : ''}`;
};

beforeEach(() => {
  clock = new VirtualClock(0);
  metrics = new Metrics();
  allowed = [];
  asked = [];
  askers = [];
  const authorize = (user: UserInfo, attributes: Attributes): Decision => {
    const question = text(attributes);
    asked.push(question);
    askers.push(user);
    return allowed.some((rule) => question === rule || question.startsWith(`${rule} `))
      ? { allowed: true, reason: '' }
      : { allowed: false, ...why };
  };
  impersonation = new Impersonation({ authorizer: { authorize }, clock, metrics: new ImpersonationMetrics(metrics) });
});

const jane: UserInfo = { name: 'jane', groups: ['dev'] };
const pod: Attributes = { verb: 'get', group: '', version: 'v1', resource: 'pods', namespace: 'bar', name: 'foo' };
const as = (name: string, more: Record<string, string[]> = {}) => ({ 'impersonate-user': [name], ...more });
const act = (
  headers: Record<string, string[]>,
  { by = jane, request = pod }: { by?: UserInfo; request?: Attributes } = {},
) => Promise.resolve(impersonation.actingAs(by, headers, () => request));
const refusal = (...asking: Parameters<typeof act>) =>
  act(...asking).then(
    () => '',
    (error: Error) => error.message,
  );

describe('who names nobody', () => {
  it('acts as himself, and must not name a part of somebody', () => {
    expect(impersonation.actingAs(jane, {}, () => pod)).toBeUndefined();
    const parts = { 'impersonate-group': ['g'], 'impersonate-extra-scopes': ['view'] };
    expect(() => impersonation.actingAs(jane, parts, () => pod)).toThrow(
      'requested &user.DefaultInfo{Name:"", UID:"", Groups:[]string{"g"}, Extra:map[string][]string{"scopes":[]string{"view"}}} without impersonating a user name',
    );
    expect(() => impersonation.actingAs(jane, { 'impersonate-uid': ['1'] }, () => pod)).toThrow(
      'requested &user.DefaultInfo{Name:"", UID:"1", Groups:[]string(nil), Extra:map[string][]string(nil)} without',
    );
  });
});

describe('a user', () => {
  it('is acted as where both may be: the action, and every part of him', async () => {
    allowed = ['impersonate-on:user-info:get pods', 'impersonate:user-info'];
    const parts = { 'impersonate-uid': ['7'], 'impersonate-group': ['ops'], 'impersonate-extra-a.io%2fteam': ['x'] };
    expect(await act(as('joe', parts))).toEqual({
      user: { name: 'joe', uid: '7', groups: ['ops', 'system:authenticated'], extra: { 'a.io/team': ['x'] } },
      constraint: 'impersonate:user-info',
    });
    expect(asked).toEqual([
      'impersonate-on:user-info:get pods foo',
      'impersonate:user-info users joe',
      'impersonate:user-info uids 7',
      'impersonate:user-info groups ops',
      'impersonate:user-info userextras/a.io/team x',
    ]);
  });

  it('is not, for what is not allowed while acting as him; the classic verb is asked last', async () => {
    allowed = ['impersonate-on:user-info:get pods', 'impersonate:user-info users'];
    await act(as('joe'));
    asked = [];
    expect(await refusal(as('joe'), { request: { ...pod, verb: 'delete' } })).toBe(
      'pods "foo" is forbidden: User "jane" cannot impersonate-on:user-info:delete resource "pods" in API group "" in the namespace "bar": deny by default',
    );
    expect(asked).toEqual(['impersonate-on:user-info:delete pods foo', 'impersonate users joe']);
    expect(await refusal(as('joe'), { request: { verb: 'get', path: '/metrics' } })).toBe(
      'forbidden: User "jane" cannot impersonate-on:user-info:get path "/metrics": deny by default',
    );
  });

  it('is not, unless he may be acted as himself', async () => {
    allowed = ['impersonate-on:user-info:get pods'];
    expect(await refusal(as('joe'))).toBe(
      'users.authentication.k8s.io "joe" is forbidden: User "jane" cannot impersonate:user-info resource "users" in API group "authentication.k8s.io" at the cluster scope: deny by default',
    );
  });

  it.each<[string, Record<string, string[]>, string]>([
    ['groups without a name', { 'impersonate-group': [''] }, 'impersonating the empty string group is not allowed'],
    ['system:masters', { 'impersonate-group': ['system:masters'] }, 'impersonating the system:masters group is not'],
    [
      'extras of nobody',
      { 'impersonate-extra-scopes': ['x'] },
      'impersonating an invalid key in extra is not allowed: extra.key: Invalid value: "scopes": must be a domain-prefixed path (such as "acme.io/foo")',
    ],
    [
      'extras that say nothing',
      { 'impersonate-extra-a.io%2fb': [''] },
      'impersonating the empty string value in extra',
    ],
  ])('never has %s', async (_, parts, message) => {
    allowed = ['impersonate-on:user-info:get', 'impersonate:user-info'];
    expect(await refusal(as('joe', parts))).toContain(message);
    // The classic verb keeps its ways.
    allowed.push('impersonate');
    expect(await act(as('joe', parts))).not.toHaveProperty('constraint');
  });

  it('with many groups is asked for at once, and one by one where that is too much', async () => {
    const groups = { 'impersonate-group': ['a', 'b', 'c', 'd'] };
    allowed = ['impersonate-on:user-info:get pods', 'impersonate:user-info users', 'impersonate:user-info groups *'];
    await act(as('joe', groups));
    expect(asked.slice(2)).toEqual(['impersonate:user-info groups *']);
    asked = [];
    allowed = [...allowed.slice(0, 2), ...'abcd'.split('').map((one) => `impersonate:user-info groups ${one}`)];
    await act(as('joan', groups));
    expect(asked.slice(2)).toEqual(['*', ...'abcd'].map((one) => `impersonate:user-info groups ${one}`));
  });
});

describe('a service account', () => {
  it('brings its groups, and is of its own mode', async () => {
    allowed = ['impersonate-on:serviceaccount:get pods', 'impersonate:serviceaccount serviceaccounts b'];
    expect(await act(as('system:serviceaccount:a:b'))).toEqual({
      user: {
        name: 'system:serviceaccount:a:b',
        groups: ['system:serviceaccounts', 'system:serviceaccounts:a', 'system:authenticated'],
      },
      constraint: 'impersonate:serviceaccount',
    });
    expect(await refusal(as('system:serviceaccount:a:b', { 'impersonate-group': ['g'] }))).toContain(
      'cannot impersonate resource "serviceaccounts" in API group "" in the namespace "a"',
    );
  });
});

describe('a node', () => {
  const agent = (node: string): UserInfo => ({
    name: 'system:serviceaccount:kube-system:agent',
    groups: ['system:serviceaccounts'],
    extra: { [nodeNameKey]: [node], 'authentication.kubernetes.io/pod-name': [`agent-${node}`] },
  });
  const nodeUser = (node: string) => ({
    name: `system:node:${node}`,
    groups: ['system:nodes', 'system:authenticated'],
  });

  it('is acted as by who may be any node', async () => {
    allowed = ['impersonate-on:arbitrary-node:get pods', 'impersonate:arbitrary-node nodes n1'];
    expect(await act(as('system:node:n1'))).toEqual({ user: nodeUser('n1'), constraint: 'impersonate:arbitrary-node' });
    expect(await refusal(as('system:node:n2'))).toContain('nodes.authentication.k8s.io "n2" is forbidden');
  });

  it('is acted as by the agents on it, which share one decision', async () => {
    allowed = ['impersonate-on:associated-node:get pods', 'impersonate:associated-node nodes *'];
    const constraint = 'impersonate:associated-node';
    expect(await act(as('system:node:n1'), { by: agent('n1') })).toEqual({ user: nodeUser('n1'), constraint });
    expect(asked).toEqual(['impersonate-on:associated-node:get pods foo', 'impersonate:associated-node nodes *']);
    const keys = [nodeNameKey, 'authentication.kubernetes.io/pod-name'];
    expect(askers[0]?.extra).toEqual({ 'authentication.kubernetes.io/associated-node-keys': keys });
    expect(await act(as('system:node:n2'), { by: agent('n2') })).toEqual({ user: nodeUser('n2'), constraint });
    expect(asked).toHaveLength(2);
  });

  it('is nothing to agents of other nodes, nor to users who only say where they are', async () => {
    allowed = ['impersonate-on:associated-node:get pods', 'impersonate:associated-node nodes *'];
    await act(as('system:node:n1'), { by: agent('n1') });
    expect(await refusal(as('system:node:n1'), { by: agent('n2') })).toContain('impersonate-on:arbitrary-node:get');
    const user = { ...agent('n1'), name: 'jane' };
    expect(await refusal(as('system:node:n1'), { by: user })).toContain('impersonate-on:arbitrary-node:get');
  });

  it('has a name that a node can have: others are users', async () => {
    allowed = ['impersonate-on:user-info:get pods', 'impersonate:user-info users system:node:*'];
    expect(await act(as('system:node:*'))).toMatchObject({ constraint: 'impersonate:user-info' });
  });
});

describe('the classic verb', () => {
  it('is enough, in its own words, and is tried first by who got through with it', async () => {
    allowed = ['impersonate users joe', 'impersonate groups dev'];
    const { user, constraint } = (await act(as('joe', { 'impersonate-group': ['dev'] }))) ?? {};
    expect([user, constraint]).toEqual([{ name: 'joe', groups: ['dev', 'system:authenticated'] }, undefined]);
    expect(asked[0]).toBe('impersonate-on:user-info:get pods foo');
    asked = [];
    await act(as('joe'));
    expect(asked).toEqual(['impersonate users joe']);
    expect(await refusal(as('joan'))).toBe(
      'users "joan" is forbidden: User "jane" cannot impersonate resource "users" in API group "" at the cluster scope: deny by default',
    );
  });

  it('says of nobody that he is authenticated', async () => {
    allowed = ['impersonate users'];
    const anonymous = { name: 'system:anonymous', groups: ['system:unauthenticated'] };
    expect(await act(as('system:anonymous'))).toEqual({ user: anonymous });
  });
});

describe('what was allowed', () => {
  it('is remembered for ten seconds, the identity for other requests too; refusals are not', async () => {
    allowed = ['impersonate-on:user-info:get pods', 'impersonate:user-info users joe'];
    await act(as('joe'));
    await act(as('joe'));
    expect(asked).toHaveLength(2);
    await act(as('joe'), { request: { ...pod, name: 'other' } });
    expect(asked.slice(2)).toEqual(['impersonate-on:user-info:get pods other']);
    allowed = [];
    await act(as('joe'));
    await clock.advance(10_001);
    expect(await refusal(as('joe'))).toContain('impersonate-on:user-info:get');
    const before = asked.length;
    await refusal(as('joe'));
    expect(asked.length).toBeGreaterThan(before);
  });

  it('is remembered of the one who asked alone', async () => {
    allowed = ['impersonate-on:user-info:get pods', 'impersonate:user-info users joe'];
    await act(as('joe'));
    await act(as('joe'), { by: { ...jane, groups: [] } });
    expect(asked).toHaveLength(4);
  });

  it('is counted by mode', async () => {
    allowed = ['impersonate-on:user-info:get pods', 'impersonate:user-info users joe'];
    await act(as('joe'));
    await refusal(as('joan'));
    const lines = metrics.text();
    const attempts = 'apiserver_impersonation_attempts_total';
    expect(lines).toContain(`${attempts}{mode="user-info",decision="allowed"} 1`);
    expect(lines).toContain(`${attempts}{mode="",decision="denied"} 1`);
    const checks = 'apiserver_impersonation_authorization_attempts_total';
    expect(lines).toContain(`${checks}{mode="user-info",decision="allowed"} 3`);
    expect(lines).toContain(`${checks}{mode="legacy",decision="denied"} 1`);
  });
});
