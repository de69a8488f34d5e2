import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { namespaces, serviceaccounts } from '../../api/generated/resources.ts';
import type { Pod, ResourceRequirements } from '../../api/generated/types.ts';
import { startTestServer, type TestServer } from '../replay/server.fake.ts';

const collection = '/api/v1/namespaces/t/pods';
interface Refusal {
  reason?: string;
  message?: string;
}

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await server.admin.create(namespaces, { metadata: { name: 't' } });
  await server.admin.create(serviceaccounts, { metadata: { namespace: 't', name: 'default' } });
});
afterAll(() => server.close());

async function send<T = Pod>(method: string, path: string, body: unknown): Promise<T & Refusal> {
  const type = method === 'PATCH' ? 'application/strategic-merge-patch+json' : 'application/json';
  const answer = await server.send({
    ...{ method, path: `${collection}${path}`, headers: { 'content-type': type } },
    body: JSON.stringify(body),
  });
  return JSON.parse(answer.body.toString()) as T & Refusal;
}

const create = (name: string, resources: ResourceRequirements) =>
  send('POST', '', { metadata: { name }, spec: { containers: [{ name: 'c', image: 'i:1', resources }] } });
const burstable = { requests: { cpu: '100m', memory: '64Mi' }, limits: { cpu: '200m' } };
const resize = (name: string, resources: object, more: object = {}) =>
  send('PATCH', `/${name}/resize`, { spec: { containers: [{ name: 'c', resources, ...more }] } });

describe('the subresource resize', () => {
  it('changes the resources of containers, which nothing else may; the generation counts it', async () => {
    await create('patched', burstable);
    const changed = await resize('patched', { requests: { cpu: '150m' } });
    expect(changed.spec.containers[0]?.resources).toEqual({
      ...{ requests: { cpu: '150m', memory: '64Mi' }, limits: { cpu: '200m' } },
    });
    expect(changed.metadata.generation).toBe(2);
    const refused = await send('PATCH', '/patched', {
      spec: { containers: [{ name: 'c', resources: { requests: { cpu: '1' } } }] },
    });
    expect(refused).toMatchObject({
      reason: 'Invalid',
      message: expect.stringContaining('pod updates may not change fields'),
    });
  });

  it('takes a whole pod, too, and nothing of it but resources', async () => {
    const pod = await create('replaced', burstable);
    pod.metadata.labels = { sneaked: 'in' };
    pod.status.phase = 'Failed';
    pod.spec.activeDeadlineSeconds = 5;
    const [container] = pod.spec.containers;
    if (container)
      Object.assign(container, {
        image: 'other:1',
        resources: { ...burstable, requests: { cpu: '50m', memory: '32Mi' } },
      });
    const changed = await send('PUT', '/replaced/resize', pod);
    expect(changed.spec.containers[0]).toMatchObject({
      image: 'i:1',
      resources: { requests: { cpu: '50m', memory: '32Mi' } },
    });
    expect([changed.metadata.labels, changed.status.phase, changed.spec.activeDeadlineSeconds]).toEqual([
      undefined,
      'Pending',
      undefined,
    ]);
  });

  it('changes what the pod as a whole has, and adds it', async () => {
    const spec = { resources: { requests: { cpu: '1' } }, containers: [{ name: 'c', image: 'i:1' }] };
    await send('POST', '', { metadata: { name: 'whole' }, spec });
    const ask = (name: string, resources: object) => send('PATCH', `/${name}/resize`, { spec: { resources } });
    const changed = await ask('whole', { requests: { cpu: '2' }, limits: { memory: '1Gi' } });
    expect(changed.spec.resources).toEqual({ requests: { cpu: '2', memory: '1Gi' }, limits: { memory: '1Gi' } });
    expect((await ask('whole', { requests: { cpu: null } })).message).toContain('resource requests cannot be removed');
    await create('parts', burstable);
    const added = await ask('parts', { requests: { cpu: '300m', memory: '64Mi' } });
    expect(added.spec.resources).toEqual({ requests: { cpu: '300m', memory: '64Mi' } });
    expect(added.spec.containers[0]?.resources).toEqual(burstable);
  });

  it('refuses what may not change, in words', async () => {
    await create('fixed', burstable);
    const why = async (resources: object, more?: object) => (await resize('fixed', resources, more)).message;
    expect(await why({ requests: { memory: null } })).toContain('resource requests cannot be removed');
    expect(await why({ limits: { 'ephemeral-storage': '1Gi' } })).toContain(
      'only cpu and memory resources are mutable',
    );
    expect(await why({ requests: { cpu: '300m' } })).toContain('must be less than or equal to cpu limit');
    await create('guaranteed', { limits: { cpu: '1', memory: '1Gi' } });
    const other = await resize('guaranteed', { requests: { cpu: '500m' } });
    expect(other.message).toContain('Pod QOS Class may not change as a result of resizing');
    const more = await send('PATCH', '/fixed/resize', { spec: { containers: [{ name: 'd', image: 'i:1' }] } });
    expect(more.message).toContain('containers may not be added or removed on resize');
  });
});
