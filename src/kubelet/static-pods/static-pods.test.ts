import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { pods } from '../../api/generated/resources.ts';
import type { Node, Pod } from '../../api/generated/types.ts';
import { realClock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import { seededRng } from '../../base/rng.ts';
import { VirtualClock } from '../../base/virtual-clock.ts';
import { FakeTransport } from '../../client/fake.ts';
import { Informer } from '../../client/informer.ts';
import { createClient } from '../../client/typed-client.ts';
import { StatusWriter } from '../status-writer.ts';
import { isMirror, isStatic } from './annotations.ts';
import { staticPodOf } from './manifest.ts';
import { MirrorPods } from './mirror-pods.ts';
import { StaticPods } from './static-pods.ts';

const manifest = (image = 'i:1') => ({
  ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', labels: { app: 'web' } } },
  spec: { containers: [{ name: 'c', image }] },
});
const context = { file: '/m/web.yaml', nodeName: 'n1', nowMs: 0 };
const node: Node = { metadata: { name: 'n1', uid: 'node-uid' }, spec: {}, status: {} };
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const undo of cleanups.splice(0)) await undo();
});

describe('the pod of a manifest', () => {
  it('is bound to the node, has the defaults of the API, and tolerates what would evict it', () => {
    const pod = staticPodOf(manifest(), context);
    expect(pod.metadata).toMatchObject({ name: 'web-n1', namespace: 'default', labels: { app: 'web' } });
    expect(pod.spec).toMatchObject({ nodeName: 'n1', restartPolicy: 'Always', terminationGracePeriodSeconds: 30 });
    expect(pod.spec.containers[0]).toMatchObject({ imagePullPolicy: 'IfNotPresent' });
    expect(pod.spec.tolerations).toContainEqual({ operator: 'Exists', effect: 'NoExecute' });
    expect([isStatic(pod), isMirror(pod)]).toEqual([true, false]);
  });

  it('is the same pod as long as file, node and text are the same', () => {
    const uid = (text: unknown, over = {}) => staticPodOf(text, { ...context, ...over }).metadata.uid;
    expect(uid(manifest(), { nowMs: 99_000 })).toBe(uid(manifest()));
    expect(new Set([uid(manifest()), uid(manifest('i:2')), uid(manifest(), { nodeName: 'n2' })]).size).toBe(3);
  });

  it('is refused in words', () => {
    expect(() => staticPodOf({ kind: 'Job' }, context)).toThrow('/m/web.yaml: it must be a Pod of v1');
    expect(() => staticPodOf({ ...manifest(), spec: { containerz: [] } }, context)).toThrow('containerz');
    expect(() => staticPodOf({ ...manifest(), metadata: {} }, context)).toThrow('metadata.name');
    const spec = { ...manifest().spec, volumes: [{ name: 'v', secret: { secretName: 's' } }] };
    const why = '/m/web.yaml: static pods may not reference secrets';
    expect(() => staticPodOf({ ...manifest(), spec }, context)).toThrow(why);
  });
});

describe('mirrors', () => {
  async function world() {
    const clock = new VirtualClock();
    const rng = seededRng(1);
    const client = createClient(new FakeTransport({ clock, rng }));
    const statuses = new StatusWriter({ client, clock, log: silentLog });
    const mirrors = new MirrorPods({ client, clock, log: silentLog, node: () => node, statuses });
    const informer = new Informer<Pod>({ client, clock, rng, log: silentLog }, pods);
    informer.start();
    await clock.advance(10);
    await informer.synced;
    informer.addHandler({
      added: (pod) => mirrors.observe(pod),
      updated: (_, pod) => mirrors.observe(pod),
      deleted: (pod) => mirrors.forget(pod),
    });
    mirrors.start();
    cleanups.push(() => [mirrors, informer, statuses].map((part) => part.stop()));
    const key = { namespace: 'default', name: 'web-n1' };
    const get = () => client.get(pods, key).catch(() => undefined);
    const until = async (is: (pod: Pod | undefined) => boolean) => {
      for (let i = 0; i < 200; i++) {
        if (is(await get())) return await get();
        await clock.advance(50);
      }
      throw new Error('did not become so');
    };
    return { clock, client, mirrors, key, get, until };
  }

  it('show the API what runs, belong to the node, and carry its status', async () => {
    const { mirrors, until } = await world();
    const pod = staticPodOf(manifest(), context);
    mirrors.added(pod);
    mirrors.write(pod, { phase: 'Running' });
    const mirror = await until((one) => one?.status?.phase === 'Running');
    expect(mirror?.metadata.annotations).toMatchObject({ 'kubernetes.io/config.mirror': pod.metadata.uid });
    expect(mirror?.metadata.ownerReferences).toMatchObject([{ kind: 'Node', name: 'n1', uid: 'node-uid' }]);
    expect(mirror?.metadata.uid).not.toBe(pod.metadata.uid);
    expect(mirrors.lastStatus(pod)).toMatchObject({ phase: 'Running' });
  });

  it('come back when they are deleted, with the status', async () => {
    const { mirrors, client, key, until } = await world();
    const pod = staticPodOf(manifest(), context);
    mirrors.added(pod);
    mirrors.write(pod, { phase: 'Running' });
    const first = await until((one) => one?.status?.phase === 'Running');
    await client.delete(pods, key, { gracePeriodSeconds: 0 });
    await until((one) => one?.metadata.uid !== first?.metadata.uid && one?.status?.phase === 'Running');
  });

  it('are made anew for another pod of the name, and go with it', async () => {
    const { mirrors, until } = await world();
    const [old, next] = [staticPodOf(manifest(), context), staticPodOf(manifest('i:2'), context)];
    mirrors.added(old);
    await until((one) => one !== undefined);
    mirrors.removed(old);
    mirrors.added(next);
    await until((one) => one?.spec.containers[0]?.image === 'i:2');
    // A late word of the one before.
    mirrors.removed(old);
    mirrors.write(old, { phase: 'Failed' });
    await until((one) => one?.spec.containers[0]?.image === 'i:2');
    mirrors.removed(next);
    await until((one) => one === undefined);
  });
});

describe('a folder of manifests', () => {
  it('runs what is put there, ends what is taken away, and one after the other of a name', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'manifests-'));
    const file = join(folder, 'web.yaml');
    const calls: string[] = [];
    const mirrors = { added: () => {}, removed: () => {}, lastStatus: () => undefined };
    const all: Pod[] = [];
    const statics = new StaticPods(
      {
        ...{ clock: realClock, log: silentLog, mirrors },
        pods: {
          addStatic(pod) {
            all.push(pod);
            calls.push(`run ${pod.spec.containers[0]?.image}`);
          },
          removeStatic: (pod) => calls.push(`end ${pod.spec.containers[0]?.image}`),
        },
      },
      { folder, nodeName: 'n1' },
    );
    cleanups.push(
      () => statics.stop(),
      () => rm(folder, { recursive: true, force: true }),
    );
    await writeFile(file, JSON.stringify(manifest()));
    await writeFile(join(folder, 'broken.yaml'), 'kind: [');
    await writeFile(join(folder, '.hidden.yaml'), JSON.stringify(manifest('hidden')));
    await statics.start();
    expect(calls).toEqual(['run i:1']);
    await writeFile(file, JSON.stringify(manifest('i:2')));
    await vi.waitFor(() => expect(calls).toEqual(['run i:1', 'end i:1']), 20_000);
    statics.finished(all[0]?.metadata.uid ?? '');
    expect(calls).toEqual(['run i:1', 'end i:1', 'run i:2']);
    await rm(file);
    await vi.waitFor(() => expect(calls.at(-1)).toBe('end i:2'), 20_000);
    statics.finished(all[1]?.metadata.uid ?? '');
    expect(calls).toHaveLength(4);
  });
});
