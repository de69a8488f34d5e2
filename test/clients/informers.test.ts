import { CoreV1Api, KubeConfig, ListWatch, type V1ConfigMap, Watch } from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Cluster, resources, startCluster } from '../../src/testing/testing.ts';

const { configmaps } = resources;
const path = '/api/v1/namespaces/default/configmaps';
/** More than the server keeps to resume watches from. */
const fillers = 100;
const fillerBytes = 100_000;

let cluster: Cluster;
const config = new KubeConfig();
beforeAll(async () => {
  cluster = await startCluster({ nodes: 0 });
  config.loadFromString(await cluster.kubeconfig());
});
afterAll(() => cluster.stop());

const write = (name: string, data: Record<string, string>) =>
  cluster.client.create(configmaps, { metadata: { name, namespace: 'default' }, data });

/** The informer of @kubernetes/client-node, with what it told. A failed one is started again, as its users do. */
function follow() {
  const api = config.makeApiClient(CoreV1Api);
  const list = () => api.listNamespacedConfigMap({ namespace: 'default' });
  const informer = new ListWatch<V1ConfigMap>(path, new Watch(config), list, false);
  const told: string[] = [];
  let looks: (() => void)[] = [];
  const tell = (text: string) => {
    told.push(text);
    for (const look of looks) look();
  };
  for (const verb of ['add', 'update', 'delete'] as const)
    informer.on(verb, ({ metadata }) => tell(`${verb} ${metadata?.name}`));
  informer.on('error', () => void informer.start());
  const hears = async (text: string): Promise<void> => {
    while (!told.includes(text)) await new Promise<void>((resolve) => looks.push(resolve));
    looks = [];
  };
  return { informer, told, hears };
}

it('informers of @kubernetes/client-node keep what is stored: through restarts of the server, and after their time was compacted', async () => {
  await write('before', { a: '1' });
  const { informer, told, hears } = follow();
  await informer.start();
  await hears('add before');
  await write('one', {});
  await hears('add one');
  await cluster.client.patch(
    configmaps,
    { namespace: 'default', name: 'one' },
    { type: 'merge', body: { data: { x: 'y' } } },
  );
  await hears('update one');
  expect(informer.get('one', 'default')?.data).toEqual({ x: 'y' });

  await cluster.restart('apiserver');
  await write('two', {});
  await hears('add two');
  // The watch went on where it was: nothing is told twice.
  expect(told.filter((text) => text === 'add one')).toHaveLength(1);

  await informer.stop();
  const since = informer.latestResourceVersion();
  await cluster.client.delete(configmaps, { namespace: 'default', name: 'one' });
  const filler = 'x'.repeat(fillerBytes);
  for (let i = 0; i < fillers; i++)
    await cluster.client.patch(
      configmaps,
      { namespace: 'default', name: 'two' },
      { type: 'merge', body: { data: { i: `${i}${filler}` } } },
    );
  const ended = await new Promise<{ type: string; code: number }>((resolve) => {
    const done = (error: { statusCode?: number } | null) => resolve({ type: 'HTTP', code: error?.statusCode ?? 0 });
    const onEvent = (type: string, object: { code: number }) => resolve({ type, code: object.code });
    void new Watch(config).watch(path, { resourceVersion: since }, onEvent, done);
  });
  expect(ended).toEqual({ type: 'ERROR', code: 410 });
  await informer.start();
  await hears('delete one');
  await hears('update two');
  const { items } = await cluster.client.list(configmaps, { namespace: 'default' });
  const seen = informer.list('default').map(({ metadata }) => [metadata?.name, metadata?.resourceVersion]);
  expect(seen.sort()).toEqual(items.map(({ metadata }) => [metadata.name, metadata.resourceVersion]).sort());
  await informer.stop();
});
