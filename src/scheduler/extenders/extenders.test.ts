import { afterEach, describe, expect, it } from 'vitest';
import { events, nodes, pods } from '../../api/generated/resources.ts';
import type { Pod, PodSpec } from '../../api/generated/types.ts';
import { silentLog } from '../../base/log.ts';
import { seededRng } from '../../base/rng.ts';
import { sleep } from '../../base/clock.ts';
import { VirtualClock } from '../../base/virtual-clock.ts';
import { FakeTransport } from '../../client/fake.ts';
import { createClient } from '../../client/typed-client.ts';
import { schedulerConfiguration } from '../configuration.ts';
import { type Scheduler, startScheduler } from '../scheduler.ts';

let scheduler: Scheduler | undefined;
afterEach(() => scheduler?.stop());

type Body = Record<string, any>;
/** What an extender answers, by the last part of the URL. */
type Verbs = Record<string, (body: Body) => unknown>;

function setUp(extenders: object[], verbs: Verbs, { answerMs = 0 } = {}) {
  const clock = new VirtualClock();
  const rng = seededRng(7);
  const client = createClient(new FakeTransport({ clock, rng }));
  const asked: { url: string; body: Body }[] = [];
  const configuration = schedulerConfiguration({
    apiVersion: 'kubescheduler.config.k8s.io/v1',
    kind: 'KubeSchedulerConfiguration',
    extenders: extenders.map((extender) => ({ urlPrefix: 'http://extender.test/scheduler/', ...extender })),
  });
  const postToExtender = async (_extender: unknown, url: string, body: unknown) => {
    // As it goes over the wire.
    const sent = JSON.parse(JSON.stringify(body)) as Body;
    asked.push({ url, body: sent });
    await sleep(clock, answerMs);
    return verbs[url.split('/').at(-1) ?? '']?.(sent);
  };
  scheduler = startScheduler({ client, clock, rng, log: silentLog, postToExtender }, configuration);
  const addNode = async (name: string, more: Record<string, string> = {}) => {
    const node = await client.create(nodes, { metadata: { name } });
    const allocatable = { cpu: '2', memory: '1Gi', pods: '10', ...more };
    return client.update(nodes, { ...node, status: { allocatable } }, { subresource: 'status' });
  };
  const addPod = (name: string, requests: Record<string, string> = {}, spec: Partial<PodSpec> = {}) => {
    const containers = [{ name: 'c', resources: { requests } }];
    return client.create(pods, { metadata: { name, namespace: 'ns' }, spec: { containers, ...spec } });
  };
  const get = (name: string): Promise<Pod> => client.get(pods, { namespace: 'ns', name });
  const nodeOf = async (name: string) => (await get(name)).spec.nodeName;
  const said = async (name: string) =>
    (await client.list(events)).items.filter((e) => e.involvedObject.name === name).map((e) => e.message);
  const ready = async (...names: string[]) => {
    for (const name of names) await addNode(name);
    await clock.advance(100);
  };
  return { clock, client, asked, addNode, addPod, get, nodeOf, said, ready };
}

const namesOf = ({ NodeNames }: Body): string[] => NodeNames as string[];
const accepts = (...names: string[]) => ({ Nodes: { items: names.map((name) => ({ metadata: { name } })) } });

describe('an extender', () => {
  it('turns nodes away, and its reasons are told', async () => {
    const { clock, asked, addPod, nodeOf, said, ready, get } = setUp([{ filterVerb: 'filter' }], {
      filter: ({ Pod, Nodes }) =>
        Pod.metadata.name === 'nowhere'
          ? {
              ...accepts(),
              failedNodes: { a: 'no licence' },
              FailedAndUnresolvableNodes: { b: 'no card', c: 'no card' },
            }
          : accepts(...(Nodes.items as { metadata: { name: string } }[]).map((n) => n.metadata.name).slice(1, 2)),
    });
    await ready('a', 'b', 'c');
    await addPod('p');
    await addPod('nowhere');
    await clock.advance(100);
    expect(asked[0]).toMatchObject({
      url: 'http://extender.test/scheduler/filter',
      body: { Pod: { metadata: { name: 'p' } } },
    });
    const second = asked[0]?.body['Nodes'].items[1].metadata.name;
    expect(await nodeOf('p')).toBe(second);
    const { status } = await get('nowhere');
    const message = '0/3 nodes are available: 1 no licence, 2 no card.';
    expect(status.conditions?.[0]?.message).toContain(message);
    expect((await said('nowhere'))[0]).toContain(message);
  });

  it('knows the nodes by their names, and prefers some', async () => {
    const config = { filterVerb: 'filter', prioritizeVerb: 'prioritize', weight: 5, nodeCacheCapable: true };
    const { clock, addPod, nodeOf, ready } = setUp([config], {
      filter: (body) => ({ NodeNames: namesOf(body).filter((name) => name !== 'a') }),
      prioritize: (body) => namesOf(body).map((Host) => ({ Host, Score: Host === 'c' ? 10 : 0 })),
    });
    await ready('a', 'b', 'c', 'd');
    for (let i = 0; i < 5; i++) await addPod(`p${i}`);
    await clock.advance(100);
    expect(await Promise.all([0, 1, 2, 3, 4].map((i) => nodeOf(`p${i}`)))).toEqual(Array(5).fill('c'));
  });

  it('is asked only for pods that use its resources, whose amounts are its own to count', async () => {
    const managedResources = [{ name: 'example.com/share', ignoredByScheduler: true }];
    const { clock, asked, addPod, nodeOf, ready } = setUp([{ filterVerb: 'filter', managedResources }], {
      filter: () => accepts('a'),
    });
    await ready('a', 'b');
    await addPod('plain');
    await addPod('sharing', { 'example.com/share': '3' });
    await clock.advance(100);
    expect(asked.map(({ body }) => body['Pod'].metadata.name)).toEqual(['sharing']);
    expect([await nodeOf('sharing'), await nodeOf('plain')]).toEqual(['a', expect.any(String)]);
  });

  it('makes the binding itself', async () => {
    const bound: Body[] = [];
    const { clock, addPod, nodeOf, ready, get } = setUp([{ bindVerb: 'bind' }], {
      bind: (body) => {
        bound.push(body);
        return body['PodName'] === 'refused' ? { Error: 'no lease' } : {};
      },
    });
    await ready('a');
    const { metadata } = await addPod('p');
    await clock.advance(100);
    expect(bound).toEqual([{ PodName: 'p', PodNamespace: 'ns', PodUID: metadata.uid, Node: 'a' }]);
    expect(await nodeOf('p')).toBeUndefined();
    await addPod('refused');
    await clock.advance(5000);
    expect(bound.filter(({ PodName }) => PodName === 'refused').length).toBeGreaterThan(1);
    expect((await get('refused')).spec.nodeName).toBeUndefined();
  });

  it('that fails fails the attempt, which comes again; one that is ignorable is passed over', async () => {
    let isWell = false;
    const broken = () => {
      if (!isWell) throw new Error('code 500');
      return accepts('a');
    };
    const { clock, addPod, nodeOf, ready, get } = setUp(
      [
        { filterVerb: 'maybe', ignorable: true },
        { filterVerb: 'filter', managedResources: [{ name: 'example.com/x', ignoredByScheduler: true }] },
      ],
      { filter: broken, maybe: broken },
    );
    await ready('a');
    await addPod('p');
    await addPod('strict', { 'example.com/x': '1' });
    await clock.advance(100);
    expect(await nodeOf('p')).toBe('a');
    const [condition] = (await get('strict')).status.conditions ?? [];
    expect(condition).toMatchObject({
      reason: 'SchedulerError',
      message: 'failed filter with extender at URL http://extender.test/scheduler/filter, code 500',
    });
    isWell = true;
    await clock.advance(20_000);
    expect(await nodeOf('strict')).toBe('a');
  });

  it('may think for long: others are scheduled meanwhile, and no node is overfilled', async () => {
    const managedResources = [{ name: 'example.com/x', ignoredByScheduler: true }];
    const { clock, addPod, nodeOf, ready } = setUp(
      [{ filterVerb: 'filter', managedResources }],
      { filter: ({ Nodes }) => ({ Nodes }) },
      { answerMs: 1000 },
    );
    await ready('a');
    for (const name of ['slow1', 'slow2', 'slow3']) await addPod(name, { cpu: '1', 'example.com/x': '1' });
    await addPod('quick', { cpu: '1' });
    await clock.advance(500);
    expect(await nodeOf('quick')).toBe('a');
    await clock.advance(5000);
    const placed = await Promise.all(['slow1', 'slow2', 'slow3'].map(nodeOf));
    expect(placed.filter(Boolean)).toHaveLength(1);
  });

  it('has a say in who is sent away', async () => {
    const asked: Body[] = [];
    let agrees = false;
    const { clock, addPod, get, ready } = setUp([{ filterVerb: 'filter', preemptVerb: 'preempt' }], {
      filter: ({ Nodes }) => ({ Nodes }),
      preempt: (body) => {
        asked.push(body);
        const [victim] = body['NodeNameToVictims']['a'].Pods as Pod[];
        return { nodeNameToMetaVictims: agrees ? { a: { pods: [{ uid: victim?.metadata.uid }] } } : {} };
      },
    });
    await ready('a');
    await addPod('lower', { cpu: '2' }, { priority: 1 });
    await clock.advance(100);
    await addPod('higher', { cpu: '1' }, { priority: 10 });
    await clock.advance(100);
    expect(asked).toMatchObject([{ Pod: { metadata: { name: 'higher' } } }]);
    expect((await get('higher')).status.nominatedNodeName).toBeUndefined();
    agrees = true;
    await addPod('highest', { cpu: '1' }, { priority: 20 });
    await clock.advance(100);
    expect((await get('highest')).status.nominatedNodeName).toBe('a');
    expect(
      await get('lower').then(
        ({ metadata }) => metadata.deletionTimestamp,
        () => 'gone',
      ),
    ).toBeDefined();
  });
});
