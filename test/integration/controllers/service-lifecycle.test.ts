import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { services } from '../../../src/api/generated/resources.ts';
import type { Service } from '../../../src/api/generated/types.ts';
import { Plane } from './plane.ts';

let plane: Plane;
beforeEach(async () => {
  plane = await Plane.start({ only: [] });
});
afterEach(async () => {
  expect(plane.warnings).toEqual([]);
  await plane.stop();
});

const key = { namespace: 'default', name: 'web' };
const spec = { type: 'LoadBalancer' as const, ports: [{ name: 'http', port: 80 }] };

describe('the API of services', () => {
  it('takes the status by patch and update apart from the rest, and tells watchers', async () => {
    const labels = { 'test-service-static': 'true' };
    const made = await plane.admin.create(services, { metadata: { ...key, labels }, spec });
    const seen: [string, Service][] = [];
    const watch = plane.admin.watch(
      services,
      {
        namespace: 'default',
        labelSelector: 'test-service-static=true',
        resourceVersion: made.metadata.resourceVersion,
      },
      {
        events: (batch) => seen.push(...batch.map(({ type, object }) => [type, object] as [string, Service])),
        end() {},
      },
    );
    const ingress = [{ ip: '203.0.113.1' }];
    const patch = { metadata: { annotations: { patchedstatus: 'true' } }, status: { loadBalancer: { ingress } } };
    const patched = await plane.admin.patch(services, key, { type: 'merge', body: patch }, { subresource: 'status' });
    expect(patched.status.loadBalancer?.ingress).toEqual([{ ...ingress[0], ipMode: 'VIP' }]);
    expect(patched.metadata.annotations).toEqual({ patchedstatus: 'true' });
    const conditions = [
      { type: 'StatusUpdate', status: 'True', reason: 'E2E', message: 'Set from e2e test', lastTransitionTime: null },
    ] as never;
    const current = await plane.get(services, 'web');
    const changed = {
      ...current,
      spec: { ...current.spec, type: 'ClusterIP' as const },
      status: { ...current.status, conditions },
    };
    const updated = await plane.admin.update(services, changed, { subresource: 'status' });
    expect(updated.status.conditions).toMatchObject([{ type: 'StatusUpdate', status: 'True', reason: 'E2E' }]);
    expect(updated.spec).toEqual(made.spec);
    await plane.patch(services, 'web', { metadata: { labels: { 'test-service': 'patched' } } });
    await plane.admin.delete(services, key);
    await plane.settle();
    watch.stop();
    expect(seen.map(([type]) => type)).toEqual(['MODIFIED', 'MODIFIED', 'MODIFIED', 'DELETED']);
    expect(seen.at(-2)?.[1].metadata.labels).toEqual({ ...labels, 'test-service': 'patched' });
    expect(await plane.list(services)).not.toContainEqual(expect.objectContaining({ metadata: { name: 'web' } }));
  });

  it('lists services of all namespaces', async () => {
    const { items } = await plane.admin.list(services, {});
    expect(items.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`)).toContain('default/kubernetes');
  });
});
