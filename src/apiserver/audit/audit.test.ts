import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '../../base/log.ts';
import { VirtualClock } from '../../base/virtual-clock.ts';
import type { Attributes } from '../authz/attributes.ts';
import type { UserInfo } from '../authn/user-info.ts';
import { Auditor } from './auditor.ts';
import type { AuditEvent } from './event.ts';
import { LogSink } from './log-sink.ts';
import { auditDecision, parseAuditPolicy } from './policy.ts';

const policy = (rules: object[], more: object = {}) =>
  parseAuditPolicy(JSON.stringify({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules, ...more }));
const jane: UserInfo = { name: 'jane', groups: ['dev', 'system:authenticated'] };
const on = (resource: string, more: object = {}): Attributes => {
  const [name = '', subresource = ''] = resource.split('/');
  return { verb: 'get', group: '', version: 'v1', resource: name, subresource, namespace: 'ns', name: 'a', ...more };
};

describe('an audit policy', () => {
  const level = (rule: object, attributes: Attributes, user = jane) =>
    auditDecision(policy([{ level: 'Metadata', ...rule }]), user, attributes).level;

  it.each<[string, object, Attributes, boolean]>([
    ['everything', {}, on('pods'), true],
    ['a user', { users: ['jane'] }, on('pods'), true],
    ['another user', { users: ['joe'] }, on('pods'), false],
    ['a group', { userGroups: ['ops', 'dev'] }, on('pods'), true],
    ['verbs', { verbs: ['list', 'watch'] }, on('pods'), false],
    ['a resource', { resources: [{ resources: ['pods'] }] }, on('pods'), true],
    ['not its subresource', { resources: [{ resources: ['pods'] }] }, on('pods/log'), false],
    ['the subresource', { resources: [{ resources: ['pods/log'] }] }, on('pods/log'), true],
    ['all subresources', { resources: [{ resources: ['pods/*'] }] }, on('pods/log'), true],
    ['a subresource of all', { resources: [{ resources: ['*/scale'] }] }, on('pods/scale'), true],
    ['a group of resources', { resources: [{ group: 'apps' }] }, on('deployments', { group: 'apps' }), true],
    ['another group', { resources: [{ group: 'apps' }] }, on('pods'), false],
    ['a name', { resources: [{ resources: ['pods'], resourceNames: ['b'] }] }, on('pods'), false],
    ['a namespace', { namespaces: ['ns'] }, on('pods'), true],
    ['no namespace', { namespaces: [''] }, on('nodes', { namespace: '' }), true],
    ['no path', { namespaces: ['ns'] }, { verb: 'get', path: '/healthz' }, false],
    ['a path', { nonResourceURLs: ['/healthz*'] }, { verb: 'get', path: '/healthz/ping' }, true],
    ['not a resource', { nonResourceURLs: ['*'] }, on('pods'), false],
  ])('is about %s', (_, rule, attributes, matches) => {
    expect(level(rule, attributes)).toBe(matches ? 'Metadata' : 'None');
  });

  it('is decided by the first rule that matches', () => {
    const two = policy([{ level: 'None', users: ['jane'] }, { level: 'Request' }], { omitStages: ['RequestReceived'] });
    expect(auditDecision(two, jane, on('pods')).level).toBe('None');
    const joe = auditDecision(two, { ...jane, name: 'joe' }, on('pods'));
    expect([joe.level, [...joe.omitStages]]).toEqual(['Request', ['RequestReceived']]);
  });

  it.each([
    ['{}', 'an audit policy is a Policy of audit.k8s.io/v1'],
    [policyText([]), 'loaded illegal policy with 0 rules'],
    [policyText([{ level: 'All' }]), 'rules[0].level: Unsupported value: "All"'],
    [policyText([{ level: 'None', omitStages: ['x'] }]), 'rules[0].omitStages: Unsupported value: "x"'],
    [policyText([{ level: 'None', nonResourceURLs: ['/a*b'] }]), 'must be the final character'],
    [policyText([{ level: 'None', nonResourceURLs: ['/a'], namespaces: ['b'] }]), 'cannot apply to both'],
  ])('refuses %s', (text, message) => {
    expect(() => parseAuditPolicy(text)).toThrow(message);
  });

  function policyText(rules: object[]): string {
    return JSON.stringify({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules });
  }
});

describe('a request', () => {
  const request = {
    auditId: 'id',
    uri: '/x',
    user: jane,
    attributes: on('pods', { verb: 'create', name: '' }),
    sourceIPs: ['::1'],
    userAgent: 'test',
  };
  const sent = { metadata: { name: 'new', managedFields: [1] }, spec: {} };
  const run = (rule: object) => {
    const events: AuditEvent[] = [];
    const sink = { write: (event: AuditEvent) => void events.push(event), close: async () => {} };
    const auditor = new Auditor({ clock: new VirtualClock(0), sinks: [sink] }, policy([rule]));
    const entry = auditor.begin(request);
    entry?.annotate('a', '1');
    entry?.annotate('a', '2');
    entry?.sent(sent);
    entry?.answered(() => sent);
    entry?.completed(201);
    entry?.completed(500);
    return events;
  };

  it('is told of at each stage, once', () => {
    const [received, complete, ...more] = run({ level: 'Metadata' });
    expect(more).toEqual([]);
    expect(received).toMatchObject({
      stage: 'RequestReceived',
      objectRef: { resource: 'pods', namespace: 'ns', apiVersion: 'v1' },
    });
    expect(complete).toEqual({
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: 'Metadata',
      auditID: 'id',
      stage: 'ResponseComplete',
      requestURI: '/x',
      verb: 'create',
      user: { username: 'jane', groups: ['dev', 'system:authenticated'] },
      sourceIPs: ['::1'],
      userAgent: 'test',
      objectRef: { resource: 'pods', namespace: 'ns', name: 'new', apiVersion: 'v1' },
      responseStatus: { metadata: {}, code: 201 },
      requestReceivedTimestamp: '1970-01-01T00:00:00.000000Z',
      stageTimestamp: '1970-01-01T00:00:00.000000Z',
      annotations: { a: '1' },
    });
  });

  it('of somebody who acts as another names both, and the verb that constrains it', () => {
    const events: AuditEvent[] = [];
    const sink = { write: (event: AuditEvent) => void events.push(event), close: async () => {} };
    const auditor = new Auditor({ clock: new VirtualClock(0), sinks: [sink] }, policy([{ level: 'Metadata' }]));
    const entry = auditor.begin(request);
    entry?.actsAs({ name: 'joe', groups: [] }, 'impersonate:user-info');
    entry?.completed(200);
    const [received, complete] = events;
    expect(received).not.toHaveProperty('authenticationMetadata');
    expect(complete).toMatchObject({
      user: { username: 'jane' },
      impersonatedUser: { username: 'joe' },
      authenticationMetadata: { impersonationConstraint: 'impersonate:user-info' },
    });
  });

  it('shows objects at the levels that want them', () => {
    expect(run({ level: 'Request', omitStages: ['RequestReceived'] })).toMatchObject([{ requestObject: sent }]);
    expect(run({ level: 'Request' })[1]).not.toHaveProperty('responseObject');
    const all = run({ level: 'RequestResponse', omitManagedFields: true })[1];
    const lean = { metadata: { name: 'new' }, spec: {} };
    expect([all?.requestObject, all?.responseObject]).toEqual([lean, lean]);
    expect(run({ level: 'None' })).toEqual([]);
  });
});

describe('the log', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'audit-'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  const event = (auditID: string) => ({ auditID, requestURI: 'x'.repeat(400_000) }) as AuditEvent;

  it('is a file of lines, put aside when it is full; the oldest go', async () => {
    const clock = new VirtualClock(Date.UTC(2026, 0, 1));
    const path = join(dir, 'audit.log');
    const sink = new LogSink({ clock, log: silentLog }, { path, maxSizeMb: 1, maxBackups: 2 });
    for (let i = 0; i < 9; i++) {
      sink.write(event(String(i)));
      await sink.close();
      await clock.advance(1000);
    }
    // Two fit into a file: it is full when the third, fifth, … comes.
    expect(readdirSync(dir).sort()).toEqual([
      'audit-2026-01-01T00-00-06.000.log',
      'audit-2026-01-01T00-00-08.000.log',
      'audit.log',
    ]);
    const ids = (name: string) =>
      readFileSync(join(dir, name), 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).auditID);
    expect(ids('audit-2026-01-01T00-00-08.000.log')).toEqual(['6', '7']);
    expect(ids('audit.log')).toEqual(['8']);
  });

  it('goes on in the file that is there', async () => {
    const path = join(dir, 'audit.log');
    for (const id of ['a', 'b']) {
      const sink = new LogSink({ clock: new VirtualClock(), log: silentLog }, { path });
      sink.write({ auditID: id } as AuditEvent);
      await sink.close();
    }
    expect(readFileSync(path, 'utf8')).toBe('{"auditID":"a"}\n{"auditID":"b"}\n');
  });
});
