import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  deviceclasses,
  events,
  nodes,
  persistentvolumeclaims,
  pods,
  resourceclaims,
  resourceslices,
  storageclasses,
} from '../api/generated/resources.ts';
import type { Device, DeviceClassSpec, Pod, PodSpec } from '../api/generated/types.ts';
import { StatusError } from '../api/meta/status-error.ts';
import { silentLog } from '../base/log.ts';
import { Metrics } from '../base/metrics.ts';
import { type Rng, seededRng } from '../base/rng.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import type { Client } from '../client/client.ts';
import { FakeTransport, type FakeWrite } from '../client/fake.ts';
import { createClient } from '../client/typed-client.ts';
import { type Scheduler, startScheduler } from './scheduler.ts';

let clock: VirtualClock;
let rng: Rng;
let transport: FakeTransport;
let client: Client;
let metrics: Metrics;
beforeEach(() => {
  clock = new VirtualClock();
  rng = seededRng(7);
  transport = new FakeTransport({ clock, rng });
  client = createClient(transport);
  metrics = new Metrics();
});

const started: Scheduler[] = [];
afterEach(() => {
  for (const scheduler of started.splice(0)) scheduler.stop();
});

function start(): Scheduler {
  const scheduler = startScheduler({ client, clock, rng, log: silentLog, metrics });
  started.push(scheduler);
  return scheduler;
}

async function addNode(name: string, cpu = '1') {
  const node = await client.create(nodes, { metadata: { name } });
  const allocatable = { cpu, memory: '1Gi', pods: '10' };
  return client.update(nodes, { ...node, status: { allocatable } }, { subresource: 'status' });
}

function addPod(name: string, cpu: string, spec: Partial<PodSpec> = {}) {
  const containers = [{ name: 'c', resources: { requests: { cpu } } }];
  return client.create(pods, { metadata: { name, namespace: 'ns' }, spec: { containers, ...spec } });
}

const removePod = (name: string) => client.delete(pods, { namespace: 'ns', name }, { gracePeriodSeconds: 0 });
const get = (name: string): Promise<Pod> => client.get(pods, { namespace: 'ns', name });
const nodeOf = async (name: string) => (await get(name)).spec.nodeName;
const bindings = () => transport.writes.filter((write) => write.subresource === 'binding').map((write) => write.name);

/** The figure with these labels. */
function figure(name: string, labels = ''): number {
  const lines = metrics.text().split('\n');
  const line = lines.find((one) => one.startsWith(`scheduler_${name}${labels} `));
  return Number(line?.split(' ').at(-1));
}

/** The claim `data`, for a volume that is made where the pod goes which mounts it. */
async function addVolumeClaim() {
  const volumeBindingMode = 'WaitForFirstConsumer';
  await client.create(storageclasses, { metadata: { name: 'fast' }, provisioner: 'csi.example', volumeBindingMode });
  const resources = { requests: { storage: '1Gi' } };
  const spec = { storageClassName: 'fast', accessModes: ['ReadWriteOnce' as const], resources };
  return client.create(persistentvolumeclaims, { metadata: { name: 'data', namespace: 'ns' }, spec });
}
const volumeClaim = () => client.get(persistentvolumeclaims, { namespace: 'ns', name: 'data' });
const volumes = [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }];

/** What a driver has, on one node or for all. */
function offer(devices: Device[], at: { nodeName: string } | { allNodes: true }) {
  const pool = { name: 'nodeName' in at ? at.nodeName : 'fabric', generation: 1, resourceSliceCount: 1 };
  const spec = { driver: 'gpu.example', pool, ...at, devices };
  return client.create(resourceslices, { metadata: { name: 's' }, spec });
}
const addClass = (spec: DeviceClassSpec = {}) => client.create(deviceclasses, { metadata: { name: 'gpu' }, spec });

/** A claim for one device of the class. */
function addDeviceClaim(name: string) {
  const requests = [{ name: 'r', exactly: { deviceClassName: 'gpu' } }];
  return client.create(resourceclaims, { metadata: { name, namespace: 'ns' }, spec: { devices: { requests } } });
}
const deviceClaim = (name: string) => client.get(resourceclaims, { namespace: 'ns', name });

describe('startScheduler', () => {
  it('gives pods nodes without overfilling one, and says so', async () => {
    await addNode('a');
    await addNode('b');
    start();
    for (const name of ['p1', 'p2', 'p3', 'p4']) await addPod(name, '500m');
    await clock.advance(100);
    const placed = await Promise.all(['p1', 'p2', 'p3', 'p4'].map(nodeOf));
    expect(placed.sort()).toEqual(['a', 'a', 'b', 'b']);
    const said = (await client.list(events)).items.filter((event) => event.reason === 'Scheduled');
    expect(said.map((event) => event.message)).toContain(`Successfully assigned ns/p1 to ${await nodeOf('p1')}`);
  });

  it('reports what is missing, and places the pod when room is made', async () => {
    await addNode('a');
    const scheduler = start();
    await addPod('first', '1');
    await clock.advance(100);
    const second = await addPod('second', '500m');
    await clock.advance(100);
    const [condition] = (await get('second')).status.conditions ?? [];
    expect(condition).toMatchObject({ type: 'PodScheduled', status: 'False', reason: 'Unschedulable' });
    expect(condition?.message).toBe(
      '0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are available: ' +
        '1 No preemption victims found for incoming pod.',
    );
    const kept = scheduler.pending(second.metadata.uid as string)?.diagnosis?.byNode();
    expect(kept).toEqual(new Map([['a', { plugin: 'NodeResourcesFit', reasons: ['Insufficient cpu'] }]]));
    expect(scheduler.explain(second)).toEqual(
      new Map([['a', { plugin: 'NodeResourcesFit', reasons: ['Insufficient cpu'] }]]),
    );
    await removePod('first');
    await clock.advance(2000);
    expect(await nodeOf('second')).toBe('a');
    expect(scheduler.pending(second.metadata.uid as string)).toBeUndefined();
  });

  it('counts what it does under the names of Kubernetes', async () => {
    await addNode('a');
    start();
    await addPod('first', '1');
    await clock.advance(100);
    await addPod('second', '1');
    await addPod('gated', '1', { schedulingGates: [{ name: 'quota' }] });
    await clock.advance(100);
    const profile = 'profile="default-scheduler"';
    const attempts = (result: string) => figure('schedule_attempts_total', `{result="${result}",${profile}}`);
    expect([attempts('scheduled'), attempts('unschedulable')]).toEqual([1, 1]);
    const pending = (queue: string) => figure('pending_pods', `{queue="${queue}"}`);
    expect(['active', 'backoff', 'unschedulable', 'gated'].map(pending)).toEqual([0, 0, 1, 1]);
    expect(figure('unschedulable_pods', `{plugin="NodeResourcesFit",${profile}}`)).toBe(1);
    expect(figure('cache_size', '{type="pods"}')).toBe(1);
    const incoming = (queue: string, event: string) =>
      figure('queue_incoming_pods_total', `{queue="${queue}",event="${event}"}`);
    expect([incoming('active', 'PodAdd'), incoming('gated', 'PodAdd')]).toEqual([2, 1]);
    expect(incoming('unschedulable', 'ScheduleAttemptFailure')).toBe(1);
    const point = (name: string) =>
      figure(
        'framework_extension_point_duration_seconds_count',
        `{extension_point="${name}",status="Success",${profile}}`,
      );
    // One attempt in ten is timed: the first.
    expect(['PreFilter', 'Filter', 'Score', 'Reserve', 'Bind'].map(point)).toEqual([1, 1, 1, 1, 1]);
    await removePod('first');
    await clock.advance(2000);
    expect(incoming('backoff', 'AssignedPodDelete')).toBe(1);
    expect([attempts('scheduled'), figure('pod_scheduling_attempts_sum')]).toEqual([2, 3]);
    expect(figure('pod_scheduling_sli_duration_seconds_count', '{attempts="2"}')).toBe(1);
  });

  it('waits for nodes', async () => {
    start();
    await addPod('p', '1');
    await clock.advance(100);
    expect((await get('p')).status.conditions?.[0]?.message).toBe('no nodes available to schedule pods');
    await addNode('late');
    await clock.advance(2000);
    expect(await nodeOf('p')).toBe('late');
  });

  it('takes a binding back that is refused, and tries again', async () => {
    await addNode('a');
    let refused = 0;
    transport.fail = (call) =>
      call.subresource === 'binding' && refused++ < 2 ? StatusError.of('ServiceUnavailable', 'later') : undefined;
    start();
    await addPod('p', '1');
    await clock.advance(500);
    expect([refused, await nodeOf('p')]).toEqual([1, undefined]);
    await clock.advance(3000);
    expect([refused, await nodeOf('p'), bindings()]).toEqual([3, 'a', ['p']]);
  });

  it('leaves pods of other schedulers, gated ones and those on their way out alone', async () => {
    await addNode('a', '10');
    start();
    await addPod('other', '1', { schedulerName: 'somebody' });
    const gated = await addPod('gated', '1', { schedulingGates: [{ name: 'quota' }] });
    await clock.advance(1000);
    expect([await nodeOf('other'), await nodeOf('gated')]).toEqual([undefined, undefined]);
    await client.update(pods, { ...gated, spec: { ...gated.spec, schedulingGates: [] } });
    await clock.advance(1000);
    expect(await nodeOf('gated')).toBe('a');
  });

  it('makes room for a more important pod: nominates, sends the victim away with its reason, then binds', async () => {
    await addNode('a');
    start();
    await addPod('low', '1', { priority: 1 });
    await clock.advance(100);
    await addPod('high', '1', { priority: 9, schedulerName: 'default-scheduler' });
    await clock.advance(100);
    const low = await get('low');
    expect(low.metadata.deletionTimestamp).toBeDefined();
    expect(low.status.conditions).toContainEqual(
      expect.objectContaining({
        type: 'DisruptionTarget',
        status: 'True',
        reason: 'PreemptionByScheduler',
        message: 'default-scheduler: preempting to accommodate a higher priority pod',
      }),
    );
    const waiting = await get('high');
    expect(waiting.status.nominatedNodeName).toBe('a');
    expect(waiting.status.conditions?.[0]?.message).toBe('0/1 nodes are available: 1 Insufficient cpu.');
    // Neither does a pod in between get the room, nor is anybody else sent away meanwhile.
    await addPod('middle', '1', { priority: 5 });
    await clock.advance(20_000);
    expect(await nodeOf('middle')).toBeUndefined();
    await removePod('low');
    await clock.advance(11_000);
    expect([await nodeOf('high'), await nodeOf('middle')]).toEqual(['a', undefined]);
    const said = (await client.list(events)).items.filter((event) => event.reason === 'Preempted');
    expect(said.map((event) => event.message)).toEqual([`Preempted by pod ${waiting.metadata.uid} on node a`]);
  });

  it('takes the nomination from a less important pod that it outbids', async () => {
    await addNode('a');
    start();
    await addPod('low', '1', { priority: 1 });
    await clock.advance(100);
    await addPod('middle', '1', { priority: 5 });
    await clock.advance(100);
    expect((await get('middle')).status.nominatedNodeName).toBe('a');
    await addPod('high', '1', { priority: 9 });
    await clock.advance(100);
    expect((await get('high')).status.nominatedNodeName).toBe('a');
    expect((await get('middle')).status.nominatedNodeName).toBeUndefined();
  });

  it('chooses the node of a claim that waits for it, and binds the pod when the claim is bound', async () => {
    await addNode('a');
    const created = await addVolumeClaim();
    start();
    await addPod('p', '1', { volumes });
    await clock.advance(5000);
    const claim = await volumeClaim();
    expect(claim.metadata.annotations).toEqual({ 'volume.kubernetes.io/selected-node': 'a' });
    expect(await nodeOf('p')).toBeUndefined();
    // Others are told where it will go, before anything else is written for it.
    expect((await get('p')).status.nominatedNodeName).toBe('a');
    const byScheduler = ({ verb, resource }: FakeWrite) => verb === 'patch' && resource !== 'events';
    expect(transport.writes.filter(byScheduler).map(({ resource }) => resource)).toEqual([
      'pods',
      'persistentvolumeclaims',
    ]);
    const annotations = { ...claim.metadata.annotations, 'pv.kubernetes.io/bind-completed': 'yes' };
    const volumeName = `pvc-${created.metadata.uid}`;
    await client.update(persistentvolumeclaims, {
      ...claim,
      metadata: { ...claim.metadata, annotations },
      spec: { ...claim.spec, volumeName },
    });
    await clock.advance(1000);
    expect(await nodeOf('p')).toBe('a');
  });

  it('tries another node when the provisioner gives the one it chose back', async () => {
    await addNode('a');
    await addVolumeClaim();
    start();
    await addPod('p', '1', { volumes });
    await clock.advance(1000);
    const claim = await volumeClaim();
    await client.update(persistentvolumeclaims, { ...claim, metadata: { ...claim.metadata, annotations: {} } });
    await clock.advance(100);
    const { conditions: [condition] = [], nominatedNodeName } = (await get('p')).status;
    expect(condition).toMatchObject({
      reason: 'SchedulerError',
      message: 'running PreBind plugin "VolumeBinding": binding volumes: provisioning failed for PVC "data"',
    });
    expect(nominatedNodeName).toBeUndefined();
    await clock.advance(3000);
    const again = await volumeClaim();
    expect(again.metadata.annotations).toEqual({ 'volume.kubernetes.io/selected-node': 'a' });
  });

  it('gives a pod the device that it claims: allocation and reservation are written before the binding', async () => {
    await addNode('a');
    await addNode('b');
    await offer([{ name: 'd0' }], { nodeName: 'b' });
    await addClass();
    for (const name of ['one', 'two']) await addDeviceClaim(name);
    start();
    const first = await addPod('p1', '1', { resourceClaims: [{ name: 'g', resourceClaimName: 'one' }] });
    await clock.advance(1000);
    await addPod('p2', '1', { resourceClaims: [{ name: 'g', resourceClaimName: 'two' }] });
    await clock.advance(1000);
    expect([await nodeOf('p1'), await nodeOf('p2')]).toEqual(['b', undefined]);
    const claim = await deviceClaim('one');
    expect(claim.metadata.finalizers).toEqual(['resource.kubernetes.io/delete-protection']);
    expect(claim.status).toMatchObject({
      allocation: { devices: { results: [{ request: 'r', driver: 'gpu.example', pool: 'b', device: 'd0' }] } },
      reservedFor: [{ resource: 'pods', name: 'p1', uid: first.metadata.uid }],
    });
  });

  it('gives devices to pods that ask for them as an extended resource, where no plugin has it', async () => {
    await addNode('plugged');
    const plugged = await client.get(nodes, { name: 'plugged' });
    const allocatable = { ...plugged.status?.allocatable, 'example.com/gpu': '1' };
    await client.update(nodes, { ...plugged, status: { allocatable } }, { subresource: 'status' });
    await addNode('claimed');
    await offer([{ name: 'd0' }, { name: 'd1' }], { nodeName: 'claimed' });
    start();
    const asking = (resource: string, count: string) => ({
      containers: [{ name: 'main', resources: { requests: { [resource]: count }, limits: { [resource]: count } } }],
    });
    const made = await addPod('both', '0', asking('example.com/gpu', '2') as never);
    await clock.advance(60_000);
    expect(await nodeOf('both')).toBeUndefined();
    await addClass({ extendedResourceName: 'example.com/gpu' });
    await clock.advance(15_000);
    await addPod('one', '0', asking('example.com/gpu', '1') as never);
    await addPod('none', '0', asking('example.com/gpu', '1') as never);
    await clock.advance(1000);
    expect(await Promise.all(['both', 'one', 'none'].map(nodeOf))).toEqual(['claimed', 'plugged', undefined]);
    const { extendedResourceClaimStatus } = (await get('both')).status;
    const name = extendedResourceClaimStatus?.resourceClaimName ?? '';
    expect(extendedResourceClaimStatus?.requestMappings).toEqual([
      { containerName: 'main', resourceName: 'example.com/gpu', requestName: 'container-0-request-0' },
    ]);
    const claim = await deviceClaim(name);
    expect(claim).toMatchObject({
      metadata: {
        annotations: { 'resource.kubernetes.io/extended-resource-claim': 'true' },
        ownerReferences: [{ kind: 'Pod', uid: made.metadata.uid, controller: true }],
        finalizers: ['resource.kubernetes.io/delete-protection'],
      },
      status: {
        allocation: { devices: { results: [{ device: 'd0' }, { device: 'd1' }] } },
        reservedFor: [{ uid: made.metadata.uid }],
      },
    });
    expect((await client.list(resourceclaims)).items).toHaveLength(1);
    // A class stands for a resource of its own name, too.
    await removePod('both');
    await client.update(resourceclaims, { ...claim, status: {} }, { subresource: 'status' });
    await addPod('own', '0', asking('deviceclass.resource.kubernetes.io/gpu', '1') as never);
    await clock.advance(10_000);
    expect(await nodeOf('own')).toBe('claimed');
  });

  it('tries a pod again as soon as the claims are made that its templates stand for', async () => {
    await addNode('a');
    await addClass();
    await offer([{ name: 'd0' }], { nodeName: 'a' });
    start();
    const made = await addPod('p', '1', { resourceClaims: [{ name: 'g', resourceClaimTemplateName: 't' }] });
    await clock.advance(1000);
    await addDeviceClaim('c');
    // Its first tries are over by now.
    await clock.advance(60_000);
    expect(await nodeOf('p')).toBeUndefined();
    const status = { ...made.status, resourceClaimStatuses: [{ name: 'g', resourceClaimName: 'c' }] };
    await client.update(
      pods,
      { ...made, metadata: { ...made.metadata, resourceVersion: undefined }, status } as never,
      {
        subresource: 'status',
      },
    );
    await clock.advance(15_000);
    expect(await nodeOf('p')).toBe('a');
  });

  it('waits for a device that has to be made ready, and gives back one that cannot be', async () => {
    await addNode('a');
    const device = {
      name: 'd0',
      bindsToNode: true,
      bindingConditions: ['attached'],
      bindingFailureConditions: ['broken'],
    };
    await offer([device], { allNodes: true });
    await addClass();
    await addDeviceClaim('c');
    start();
    await addPod('p', '1', { resourceClaims: [{ name: 'g', resourceClaimName: 'c' }] });
    const claim = () => deviceClaim('c');
    const say = async (type: string) => {
      const current = await claim();
      const condition = {
        type,
        status: 'True' as const,
        reason: 'R',
        message: '',
        lastTransitionTime: '2026-01-01T00:00:00Z',
      };
      const devices = [{ driver: 'gpu.example', pool: 'fabric', device: 'd0', conditions: [condition] }];
      await client.update(
        resourceclaims,
        { ...current, status: { ...current.status, devices } },
        { subresource: 'status' },
      );
      await clock.advance(100);
    };
    await clock.advance(1000);
    expect((await claim()).status?.allocation).toMatchObject({ allocationTimestamp: expect.any(String) });
    await say('broken');
    expect((await claim()).status?.allocation).toBeUndefined();
    const [condition] = (await get('p')).status.conditions ?? [];
    expect(condition?.message).toContain('devices of resourceclaim "c" did not become ready');
    // It comes again, and this time the driver is done.
    await clock.advance(5000);
    expect((await claim()).status?.allocation).toBeDefined();
    expect(await nodeOf('p')).toBeUndefined();
    await say('attached');
    expect(await nodeOf('p')).toBe('a');
  });

  it('says nothing of the node of a pod that is bound at once', async () => {
    await addNode('a');
    start();
    await addPod('p', '1');
    await clock.advance(1000);
    expect(await nodeOf('p')).toBe('a');
    expect(transport.writes.filter(({ resource, subresource }) => resource === 'pods' && subresource)).toEqual([
      expect.objectContaining({ subresource: 'binding' }),
    ]);
  });

  it('takes the node first that a pod was promised by somebody else, or by a scheduler before it', async () => {
    const promise = (name: string, node: string | null) =>
      client.patch(
        pods,
        { namespace: 'ns', name },
        { type: 'merge', body: { status: { nominatedNodeName: node } } },
        { subresource: 'status' },
      );
    await addNode('busy', '4');
    await addNode('free', '4');
    await addPod('there', '2', { nodeName: 'busy' });
    for (const name of ['p', 'lost']) await addPod(name, '1');
    await promise('p', 'busy');
    await promise('lost', 'gone');
    start();
    await clock.advance(1000);
    expect([await nodeOf('p'), await nodeOf('lost')]).toEqual(['busy', 'free']);
    // Room that is kept for one is there for another when somebody takes the promise back.
    await addPod('huge', '8');
    await clock.advance(1000);
    await promise('huge', 'free');
    await addPod('waits', '3');
    await clock.advance(1000);
    expect(await nodeOf('waits')).toBeUndefined();
    expect((await get('huge')).status.nominatedNodeName).toBe('free');
    await promise('huge', null);
    await clock.advance(15_000);
    expect(await nodeOf('waits')).toBe('free');
  });

  it('keeps the room of a promised pod whose binding is under way from all others', async () => {
    await addNode('a');
    start();
    await addPod('low', '1', { priority: 1 });
    await clock.advance(100);
    await addPod('middle', '1', { priority: 5 });
    await clock.advance(100);
    // A binding that takes its time.
    const answer = transport.call.bind(transport);
    transport.call = async (call) => {
      if (call.subresource === 'binding') await new Promise<void>((resolve) => void clock.after(5000, resolve));
      return answer(call);
    };
    await removePod('low');
    await clock.advance(2000);
    await addPod('equal', '1', { priority: 5 });
    await clock.advance(100);
    await addPod('higher', '1', { priority: 9, preemptionPolicy: 'Never' });
    await clock.advance(20_000);
    expect(await Promise.all(['middle', 'equal', 'higher'].map(nodeOf))).toEqual(['a', undefined, undefined]);
  });

  it('starts again with what is there: bound pods count, finished ones do not', async () => {
    await addNode('a');
    await addNode('b');
    const first = start();
    const done = await addPod('done', '1', { nodeName: 'a' });
    await client.update(pods, { ...done, status: { phase: 'Succeeded' } }, { subresource: 'status' });
    await addPod('running', '1', { nodeName: 'b' });
    await clock.advance(100);
    first.stop();
    await addPod('p', '1');
    start();
    await clock.advance(1000);
    expect(await nodeOf('p')).toBe('a');
  });
});
