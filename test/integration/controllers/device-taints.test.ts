import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { events, pods, resourceclaims, resourceslices } from '../../../src/api/generated/resources.ts';
import type { DeviceToleration, Pod } from '../../../src/api/generated/types.ts';
import { Plane, template } from './plane.ts';

let plane: Plane;
beforeEach(async () => {
  plane = await Plane.start({
    only: ['resourceclaim.device-taint-eviction', 'resourceclaim.release', 'serviceaccount.default'],
  });
  await plane.addNode('n1');
  const pool = { name: 'p', generation: 1, resourceSliceCount: 1 };
  await plane.admin.create(resourceslices, {
    metadata: { name: 's' },
    spec: { driver: 'gpu.example.com', pool, nodeName: 'n1', devices: [{ name: 'd0' }, { name: 'd1' }] },
  });
});
afterEach(async () => {
  expect(plane.warnings).toEqual([]);
  await plane.stop();
});

/** A pod on the node with a device of its own. */
async function podWith(name: string, device: string, tolerations?: DeviceToleration[]): Promise<Pod> {
  const spec = { ...template('x').spec, resourceClaims: [{ name: 'gpu', resourceClaimName: name }] };
  const pod = await plane.admin.create(pods, { metadata: { namespace: 'default', name }, spec } as never);
  await plane.bind(pod);
  const request = { deviceClassName: 'gpu', ...(tolerations && { tolerations }) };
  const claim = await plane.admin.create(resourceclaims, {
    metadata: { namespace: 'default', name },
    spec: { devices: { requests: [{ name: 'r', exactly: request }] } },
  });
  const given = { request: 'r', driver: 'gpu.example.com', pool: 'p', device, ...(tolerations && { tolerations }) };
  const reservedFor = [{ resource: 'pods', name, uid: pod.metadata.uid as string }];
  const status = { allocation: { devices: { results: [given] } }, reservedFor };
  await plane.admin.update(resourceclaims, { ...claim, status }, { subresource: 'status' });
  await plane.settle();
  return pod;
}

async function taint(device: string): Promise<void> {
  const slice = await plane.admin.get(resourceslices, { name: 's' });
  const devices = slice.spec.devices?.map((one) =>
    one.name === device ? { ...one, taints: [{ key: 'broken', effect: 'NoExecute' as const }] } : one,
  );
  await plane.admin.update(resourceslices, { ...slice, spec: { ...slice.spec, devices } });
}

describe('a device that gets a NoExecute taint', () => {
  it('loses its pods, which say why; others stay', async () => {
    await podWith('hit', 'd0');
    await podWith('other', 'd1');
    await taint('d0');
    await plane.settle();
    const hit = await plane.get(pods, 'hit');
    expect(hit.metadata.deletionTimestamp).toBeDefined();
    expect(hit.status?.conditions).toContainEqual(
      expect.objectContaining({
        type: 'DisruptionTarget',
        status: 'True',
        reason: 'DeletionByDeviceTaintManager',
        message: 'Device Taint manager: deleting due to NoExecute taint',
      }),
    );
    expect((await plane.get(pods, 'other')).metadata.deletionTimestamp).toBeUndefined();
    const said = (await plane.list(events)).filter(({ reason }) => reason === 'DeviceTaintManagerEviction');
    expect(said.map((e) => [e.involvedObject.name, e.type, e.message, e.source?.component])).toEqual([
      ['hit', 'Normal', 'Marking for deletion', 'device-taint-eviction'],
    ]);
    expect(await plane.writesOfRestart([pods, resourceclaims, resourceslices])).toEqual([]);
  });

  it('is tolerated for a while', async () => {
    await podWith('patient', 'd0', [{ key: 'broken', operator: 'Exists', tolerationSeconds: 60 }]);
    await taint('d0');
    await plane.settle(50_000);
    expect((await plane.get(pods, 'patient')).metadata.deletionTimestamp).toBeUndefined();
    await plane.settle(15_000);
    expect((await plane.get(pods, 'patient')).metadata.deletionTimestamp).toBeDefined();
  });
});
