import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configmaps, deployments, namespaces, pods } from '../api/generated/resources.ts';
import type { ConfigMap, Deployment } from '../api/generated/types.ts';
import { StatusError } from '../api/meta/status-error.ts';
import type { Manifest } from '../api/resource.ts';
import type { Client, WatchEvent, WatchOptions } from './client.ts';

export interface TransportUnderTest {
  /** May do everything in the namespace `default`, which exists. */
  client: Client;
  /** Makes versions seen so far too old to be watched from. */
  compact(): void | Promise<void>;
  close(): void | Promise<void>;
}

const named = (name: string, data: Record<string, string> = {}): Manifest<ConfigMap> => ({
  metadata: { name, namespace: 'default', labels: { contract: 'yes' } },
  data,
});
const key = (name: string) => ({ namespace: 'default', name });

/** What every transport promises to a `Client`. `setUp` gives a fresh or emptied server each time. */
export function transportContract(name: string, setUp: () => Promise<TransportUnderTest>): void {
  describe(`${name}: the transport contract`, () => {
    let at: TransportUnderTest;
    let client: Client;
    beforeEach(async () => {
      at = await setUp();
      client = at.client;
    });
    afterEach(() => at.close());

    async function reasonOf(work: Promise<unknown>): Promise<string> {
      const error = await work.then(
        () => undefined,
        (e: unknown) => e,
      );
      expect(error).toBeInstanceOf(StatusError);
      return (error as StatusError).reason;
    }

    it('gives back what was created, with identity', async () => {
      const made = await client.create(configmaps, named('one', { a: '1' }));
      expect(made).toMatchObject({ kind: 'ConfigMap', apiVersion: 'v1', data: { a: '1' } });
      expect(made.metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
      expect(await client.get(configmaps, key('one'))).toEqual(made);
    });

    it('makes a name from generateName', async () => {
      const made = await client.create(configmaps, { metadata: { generateName: 'some-', namespace: 'default' } });
      expect(made.metadata.name).toMatch(/^some-[a-z0-9]{5}$/);
    });

    it('says NotFound and AlreadyExists with details', async () => {
      expect(await reasonOf(client.get(configmaps, key('nobody')))).toBe('NotFound');
      await client.create(configmaps, named('twice'));
      const error = (await client.create(configmaps, named('twice')).catch((e: unknown) => e)) as StatusError;
      expect(error.reason).toBe('AlreadyExists');
      expect(error.code).toBe(409);
      expect(error.message).toBe('configmaps "twice" already exists');
      expect(error.status.details).toMatchObject({ name: 'twice', kind: 'configmaps' });
    });

    it('refuses an update of a version that is not the newest', async () => {
      const first = await client.create(configmaps, named('old', { n: '1' }));
      const second = await client.update(configmaps, { ...first, data: { n: '2' } });
      expect(second.metadata.resourceVersion).not.toBe(first.metadata.resourceVersion);
      expect(await reasonOf(client.update(configmaps, { ...first, data: { n: '3' } }))).toBe('Conflict');
    });

    it('updates whatever version is there when none is named', async () => {
      const made = await client.create(configmaps, named('any'));
      const { resourceVersion: _, ...metadata } = made.metadata;
      const updated = await client.update(configmaps, { ...made, metadata, data: { to: 'b' } });
      expect(updated.data).toEqual({ to: 'b' });
      expect(Number(updated.metadata.resourceVersion)).toBeGreaterThan(Number(made.metadata.resourceVersion));
    });

    it('makes no new version when nothing changes', async () => {
      const first = await client.create(configmaps, named('same', { n: '1' }));
      const second = await client.update(configmaps, first);
      expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
    });

    it('merges a patch and removes with null', async () => {
      await client.create(configmaps, named('patched', { keep: '1', drop: '1' }));
      const body = { data: { drop: null, add: '2' } };
      const patched = await client.patch(configmaps, key('patched'), { type: 'merge', body });
      expect(patched.data).toEqual({ keep: '1', add: '2' });
    });

    it('keeps status and spec apart, and counts generations', async () => {
      const made = await client.create(deployments, aDeployment('apart'));
      expect(made.metadata.generation).toBe(1);
      const withStatus = await client.update(
        deployments,
        { ...made, spec: { ...made.spec, replicas: 7 }, status: { observedGeneration: 1, replicas: 3 } },
        { subresource: 'status' },
      );
      expect(withStatus.spec.replicas).toBe(1);
      expect(withStatus.status.replicas).toBe(3);
      const scaled = await client.update(deployments, {
        ...withStatus,
        spec: { ...withStatus.spec, replicas: 2 },
        status: {},
      });
      expect(scaled.status.replicas).toBe(3);
      expect(scaled.metadata.generation).toBe(2);
    });

    it('lists by namespace, label and field', async () => {
      await client.create(configmaps, named('a'));
      await client.create(configmaps, { metadata: { name: 'b', namespace: 'default', labels: { contract: 'no' } } });
      const names = async (options: object) =>
        (await client.list(configmaps, { namespace: 'default', ...options })).items.map((o) => o.metadata.name).sort();
      expect(await names({ labelSelector: 'contract=yes' })).toEqual(['a']);
      expect(await names({ labelSelector: 'contract' })).toEqual(['a', 'b']);
      expect(await names({ fieldSelector: 'metadata.name=b' })).toEqual(['b']);
    });

    it('lists what was there at a version', async () => {
      await client.create(configmaps, named('kept'));
      const { metadata } = await client.create(configmaps, named('gone'));
      await client.delete(configmaps, key('gone'));
      await client.create(configmaps, named('later'));
      const exact = { resourceVersion: metadata.resourceVersion, resourceVersionMatch: 'Exact' as const };
      const { items, metadata: list } = await client.list(configmaps, { namespace: 'default', ...exact });
      const names = items.map((o) => o.metadata.name).sort();
      expect(names.filter((name) => name !== 'kube-root-ca.crt')).toEqual(['gone', 'kept']);
      expect(list.resourceVersion).toBe(metadata.resourceVersion);
    });

    it('deletes with preconditions', async () => {
      const made = await client.create(configmaps, named('gone'));
      const wrong = { preconditions: { uid: 'ffffffff-0000-4000-8000-000000000000' } };
      expect(await reasonOf(client.delete(configmaps, key('gone'), wrong))).toBe('Conflict');
      await client.delete(configmaps, key('gone'), { preconditions: { uid: made.metadata.uid } });
      expect(await reasonOf(client.get(configmaps, key('gone')))).toBe('NotFound');
    });

    it('keeps an object until its finalizers are gone', async () => {
      const manifest = named('held');
      const made = await client.create(configmaps, {
        ...manifest,
        metadata: { ...manifest.metadata, finalizers: ['example.com/hold'] },
      });
      await client.delete(configmaps, key('held'));
      const held = await client.get(configmaps, key('held'));
      expect(held.metadata.deletionTimestamp).toBeDefined();
      expect(held.metadata.uid).toBe(made.metadata.uid);
      await client.update(configmaps, { ...held, metadata: { ...held.metadata, finalizers: [] } });
      expect(await reasonOf(client.get(configmaps, key('held')))).toBe('NotFound');
    });

    it('watches from a list: added, modified, deleted, in order', async () => {
      const { metadata } = await client.list(configmaps, { namespace: 'default' });
      const watch = watching({ namespace: 'default', resourceVersion: metadata.resourceVersion });
      const made = await client.create(configmaps, named('seen', { n: '1' }));
      await client.update(configmaps, { ...made, data: { n: '2' } });
      await client.delete(configmaps, key('seen'));
      const seen = await watch.take((e) => e.object.metadata.name === 'seen', 3);
      expect(seen.map((e) => e.type)).toEqual(['ADDED', 'MODIFIED', 'DELETED']);
      expect(seen[1]?.object.data).toEqual({ n: '2' });
      watch.stop();
    });

    it('resumes a watch after a version, without a gap', async () => {
      const first = await client.create(configmaps, named('r1'));
      await client.create(configmaps, named('r2'));
      const watch = watching({ namespace: 'default', resourceVersion: first.metadata.resourceVersion });
      await client.create(configmaps, named('r3'));
      const seen = await watch.take((e) => /^r\d$/.test(e.object.metadata.name), 2);
      expect(seen.map((e) => e.object.metadata.name)).toEqual(['r2', 'r3']);
      watch.stop();
    });

    it('shows an object that leaves the selection as deleted', async () => {
      const { metadata } = await client.list(configmaps);
      const watch = watching({ labelSelector: 'contract=yes', resourceVersion: metadata.resourceVersion });
      const made = await client.create(configmaps, named('leaves'));
      await client.update(configmaps, { ...made, metadata: { ...made.metadata, labels: { contract: 'no' } } });
      expect((await watch.take(() => true, 2)).map((e) => e.type)).toEqual(['ADDED', 'DELETED']);
      watch.stop();
    });

    it('ends a watch from a forgotten version with Expired', async () => {
      const { metadata } = await client.create(configmaps, named('before'));
      await client.create(configmaps, named('after'));
      await at.compact();
      const watch = watching({ resourceVersion: metadata.resourceVersion });
      expect(['Expired', 'Gone']).toContain(((await watch.ended) as StatusError).reason);
    });

    it('is silent after stop', async () => {
      const { metadata } = await client.list(configmaps);
      const stopped = watching({ resourceVersion: metadata.resourceVersion });
      const other = watching({ resourceVersion: metadata.resourceVersion });
      stopped.stop();
      await client.create(configmaps, named('unseen'));
      await other.take(() => true, 1);
      expect(stopped.events).toEqual([]);
      other.stop();
    });

    it('finalizes a namespace', async () => {
      const made = await client.create(namespaces, { metadata: { name: 'short-lived' } });
      expect(made.spec.finalizers).toEqual(['kubernetes']);
      await client.delete(namespaces, { name: 'short-lived' });
      const ending = await client.get(namespaces, { name: 'short-lived' });
      expect(ending.status.phase).toBe('Terminating');
      await client.update(namespaces, { ...ending, spec: { finalizers: [] } }, { subresource: 'finalize' });
      expect(await reasonOf(client.get(namespaces, { name: 'short-lived' }))).toBe('NotFound');
    });

    it('binds a pod', async () => {
      await client.create(pods, {
        metadata: { name: 'bound', namespace: 'default' },
        spec: { containers: [{ name: 'c', image: 'i' }] },
      });
      const target = { apiVersion: 'v1', kind: 'Node', name: 'node-1' };
      const binding = { apiVersion: 'v1', kind: 'Binding', metadata: { name: 'bound', namespace: 'default' }, target };
      await client.createSubresource(pods, key('bound'), 'binding', binding);
      expect((await client.get(pods, key('bound'))).spec.nodeName).toBe('node-1');
    });

    function watching(options: WatchOptions) {
      const events: WatchEvent<ConfigMap>[] = [];
      let wake = () => {};
      let resolveEnded: (error: unknown) => void = () => {};
      const ended = new Promise<unknown>((resolve) => {
        resolveEnded = resolve;
      });
      const handle = client.watch(configmaps, options, {
        events(batch) {
          events.push(...batch.filter((e) => e.type !== 'BOOKMARK'));
          wake();
        },
        end: resolveEnded,
      });
      async function take(wanted: (e: WatchEvent<ConfigMap>) => boolean, count: number) {
        while (events.filter(wanted).length < count) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
        return events.filter(wanted);
      }
      return { events, ended, take, stop: () => handle.stop() };
    }
  });
}

function aDeployment(name: string): Manifest<Deployment> {
  const labels = { app: name };
  return {
    metadata: { name, namespace: 'default' },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i' }] } },
    },
  } as Manifest<Deployment>;
}
