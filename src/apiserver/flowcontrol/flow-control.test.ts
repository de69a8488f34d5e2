import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { flowschemas, prioritylevelconfigurations } from '../../api/generated/resources.ts';
import type { FlowSchema, PriorityLevelConfiguration } from '../../api/generated/types.ts';
import { VirtualClock } from '../../base/virtual-clock.ts';
import type { Attributes } from '../authz/attributes.ts';
import { serviceAccountUser, type UserInfo } from '../authn/user-info.ts';
import { startTestServer, type TestServer } from '../replay/server.fake.ts';
import { FlowControl, type Ticket } from './flow-control.ts';
import { TooManyRequests } from './too-many-requests.ts';

const user = (name: string, ...groups: string[]): UserInfo => ({ name, groups: [...groups, 'system:authenticated'] });
const read = (verb: string, resource: string, namespace = 'default', group = ''): Attributes => ({
  verb,
  group,
  resource,
  namespace,
});

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ requestSeats: 12 });
});
afterAll(() => server.close());

describe('FlowControl', () => {
  let clock: VirtualClock;
  let control: FlowControl;
  beforeEach(() => {
    clock = new VirtualClock();
    control = new FlowControl({ ...server.api.context, clock }, { seats: 49 });
  });
  const levelOf = (u: UserInfo, attributes: Attributes) => control.classify(u, attributes).level.name;
  const node = user('system:node:a', 'system:nodes');
  const alice = user('alice');
  const lists = read('list', 'pods');
  const enter = (who: UserInfo, attributes: Attributes, objects = 1, onWait?: (giveUp: () => void) => void) =>
    control.enter(control.classify(who, attributes), { user: who, attributes, objects, onWait });
  /** Takes all seats of the level; answers their tickets. */
  const fill = (who: UserInfo): Ticket[] => {
    const { queue } = control.classify(who, lists).level;
    return Array.from({ length: queue?.config.seats ?? 0 }, () => enter(who, lists) as Ticket);
  };

  it('knows whose request it is', () => {
    expect(levelOf(user('root', 'system:masters'), lists)).toBe('exempt');
    expect(levelOf(alice, { verb: 'get', path: '/readyz' })).toBe('exempt');
    expect(levelOf(alice, { verb: 'get', path: '/version' })).toBe('global-default');
    expect(levelOf(alice, lists)).toBe('global-default');
    expect(levelOf(node, lists)).toBe('system');
    expect(levelOf(node, { ...read('patch', 'nodes', ''), subresource: 'status' })).toBe('node-high');
    expect(levelOf(node, read('update', 'leases', 'kube-node-lease', 'coordination.k8s.io'))).toBe('node-high');
    expect(levelOf(serviceAccountUser('kube-system', 'x'), lists)).toBe('workload-high');
    const elects = read('update', 'leases', 'kube-system', 'coordination.k8s.io');
    expect(levelOf(serviceAccountUser('kube-system', 'x'), elects)).toBe('leader-election');
    expect(levelOf({ ...serviceAccountUser('apps', 'x') }, lists)).toBe('workload-low');
    expect(levelOf({ name: 'nobody', groups: [] }, lists)).toBe('catch-all');
  });

  it('gives seats by shares, and to those who need them what others lend', async () => {
    // Shares are 245: 49 seats give global-default four, of which it keeps two.
    const running = fill(alice);
    expect(running).toHaveLength(4);
    const waits = enter(alice, lists);
    // At once: nobody else wants any.
    expect(waits).toBeInstanceOf(Promise);
    await waits;
    const { queue } = control.classify(alice, lists).level;
    expect(queue?.config.seats).toBeGreaterThan(4);
    for (const ticket of running) ticket.done();
  });

  it('turns away who has waited too long, with a longer pause the more there are', async () => {
    const elects = read('update', 'leases', 'kube-system', 'coordination.k8s.io');
    const busy = ['system:node:a'].map((name) => user(name, 'system:nodes'));
    for (const who of [alice, ...busy, serviceAccountUser('apps', 'x'), serviceAccountUser('kube-system', 'x')])
      fill(who);
    const waiting = Array.from({ length: 300 }, () => Promise.resolve(enter(alice, lists)));
    const outcomes = Promise.allSettled(waiting);
    expect(() => enter(serviceAccountUser('kube-system', 'y'), elects)).not.toThrow();
    await clock.advance(15_000);
    const errors = (await outcomes).flatMap((o) => (o.status === 'rejected' ? [o.reason] : []));
    expect(errors.length).toBeGreaterThan(250);
    expect(errors[0]).toBeInstanceOf(TooManyRequests);
    expect(errors[0].status).toMatchObject({ code: 429, details: { retryAfterSeconds: 1 } });
    expect(clock.nextDue()).toBeUndefined();
    await clock.advance(3000);
    const { level } = control.classify(alice, lists);
    expect(level.retryAfter.drop(clock.now())).toBe(1);
    await clock.advance(1000);
  });

  it('forgets who hangs up while it waits', async () => {
    for (const who of [alice, node, serviceAccountUser('apps', 'x'), serviceAccountUser('kube-system', 'x')]) fill(who);
    let hangUp = () => {};
    const waits = Array.from({ length: 40 }, () =>
      Promise.resolve(enter(alice, lists, 1, (giveUp) => (hangUp = giveUp))),
    );
    const { queue } = control.classify(alice, lists).level;
    const before = queue?.waiting ?? 0;
    hangUp();
    await expect(waits.at(-1)).rejects.toBeInstanceOf(TooManyRequests);
    expect(queue?.waiting).toBe(before - 1);
    for (const wait of waits) wait.catch(() => {});
    await clock.advance(20_000);
  });

  it('counts a long list as several requests, within its level', () => {
    const workload = serviceAccountUser('apps', 'x');
    const { queue, maxSeats } = control.classify(workload, lists).level;
    void enter(workload, lists, 250);
    expect(queue?.inUse).toBe(3);
    void enter(workload, lists, 100_000);
    expect(queue?.inUse).toBe(3 + maxSeats);
    expect(maxSeats).toBe(3);
  });
});

describe('the objects of flow control', () => {
  const level = (name: string) => server.admin.get(prioritylevelconfigurations, { name });
  const soon = <T>(look: () => Promise<T | undefined>): Promise<T> =>
    vi.waitFor(
      async () => {
        const found = await look();
        if (found === undefined) throw new Error('not yet');
        return found;
      },
      { timeout: 10_000 },
    );

  it('are restored where they are the server’s, and left alone where somebody has said so', async () => {
    const exempt = await server.admin.get(flowschemas, { name: 'exempt' });
    await server.admin.delete(flowschemas, { name: 'catch-all' });
    await server.admin.delete(prioritylevelconfigurations, { name: 'node-high' });
    const mine = {
      type: 'merge',
      body: { metadata: { annotations: { 'apf.kubernetes.io/autoupdate-spec': 'false' } } },
    };
    const shares = (n: number) =>
      ({ type: 'merge', body: { spec: { limited: { nominalConcurrencyShares: n } } } }) as const;
    await server.admin.patch(prioritylevelconfigurations, { name: 'system' }, shares(7));
    await server.admin.patch(prioritylevelconfigurations, { name: 'workload-low' }, mine as never);
    await server.admin.patch(prioritylevelconfigurations, { name: 'workload-low' }, shares(9));
    const sharesOf = (l: PriorityLevelConfiguration) => l.spec.limited?.nominalConcurrencyShares;
    await soon(async () => sharesOf(await level('system')) === 30 || undefined);
    await soon(() => server.admin.get(flowschemas, { name: 'catch-all' }).catch(() => undefined));
    expect(sharesOf(await level('node-high'))).toBe(40);
    expect(sharesOf(await level('workload-low'))).toBe(9);
    expect(await server.admin.get(flowschemas, { name: 'exempt' })).toEqual(exempt);
  });

  it('say when a schema dangles', async () => {
    await server.admin.create(flowschemas, {
      metadata: { name: 'mine' },
      spec: { priorityLevelConfiguration: { name: 'mine' }, matchingPrecedence: 50, rules: [] },
    } as never);
    const condition = (schema: FlowSchema) => schema.status.conditions?.find(({ type }) => type === 'Dangling');
    const dangles = (status: string) =>
      soon(async () => {
        const found = condition(await server.admin.get(flowschemas, { name: 'mine' }));
        return found?.status === status ? found : undefined;
      });
    expect((await dangles('True')).message).toBe(
      'This FlowSchema references the PriorityLevelConfiguration object named "mine" but there is no such object',
    );
    const spec = (await level('system')).spec;
    await server.admin.create(prioritylevelconfigurations, { metadata: { name: 'mine' }, spec } as never);
    expect(await dangles('False')).toMatchObject({ reason: 'Found' });
  });
});

describe('over HTTPS', () => {
  it('every answer says which schema and level it was of; who finds no seat is told when to come back', async () => {
    const uidOf = async (name: string) => (await server.admin.get(flowschemas, { name })).metadata.uid;
    const known = await server.send({ method: 'GET', path: '/api/v1/namespaces' });
    expect(known.headers['x-kubernetes-pf-flowschema-uid']).toBe(await uidOf('exempt'));
    const reject = {
      metadata: { annotations: { 'apf.kubernetes.io/autoupdate-spec': 'false' } },
      spec: {
        limited: {
          nominalConcurrencyShares: 1,
          borrowingLimitPercent: 0,
          limitResponse: { type: 'Reject', queuing: null },
        },
      },
    };
    await server.admin.patch(prioritylevelconfigurations, { name: 'global-default' }, { type: 'merge', body: reject });
    const { metadata } = await server.admin.get(prioritylevelconfigurations, { name: 'global-default' });
    // Its body never ends: it keeps its seat, the only one of its level.
    const holds = server.send({
      method: 'POST',
      path: '/api/v1/namespaces/default/configmaps',
      anonymous: true,
      body: '{',
      unfinished: true,
    });
    holds.catch(() => {});
    const refused = await vi.waitFor(
      async () => {
        const answer = await server.send({ method: 'GET', path: '/version', anonymous: true });
        expect(answer.status).toBe(429);
        return answer;
      },
      { timeout: 5000 },
    );
    expect(refused.body.toString()).toBe('Too many requests, please try again later.\n');
    expect(refused.headers).toMatchObject({
      'retry-after': '1',
      'content-type': 'text/plain; charset=utf-8',
      'x-kubernetes-pf-flowschema-uid': await uidOf('global-default'),
      'x-kubernetes-pf-prioritylevel-uid': metadata.uid,
    });
    const dump = await server.send({ method: 'GET', path: '/debug/api_priority_and_fairness/dump_priority_levels' });
    expect(dump.body.toString()).toMatch(
      /^PriorityLevelName, ActiveQueues, IsIdle, IsQuiescing, WaitingRequests, Exec/,
    );
    expect(dump.body.toString()).toMatch(/^global-default, +0, +false, +false, +0, +1$/m);
    // Those of another level never notice, nor does a probe.
    expect((await server.send({ method: 'GET', path: '/readyz', anonymous: true })).status).toBe(200);
    expect((await server.send({ method: 'GET', path: '/api/v1/nodes' })).status).toBe(200);
  });
});
