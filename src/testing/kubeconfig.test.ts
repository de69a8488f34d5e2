import { afterEach, expect, it } from 'vitest';
import { parse } from 'yaml';
import { realClock } from '../base/clock.ts';
import { HttpsTransport } from '../client/https.ts';
import { createClient } from '../client/typed-client.ts';
import { type Cluster, resources, startCluster } from './testing.ts';

const { configmaps, pods } = resources;
const decoded = (text: string): string => Buffer.from(text, 'base64').toString();

let cluster: Cluster;
afterEach(async () => {
  await cluster.stop();
});

function connect(kubeconfig: string): { transport: HttpsTransport; server: string } {
  const { clusters, users } = parse(kubeconfig) as {
    clusters: { cluster: Record<string, string> }[];
    users: { user: Record<string, string> }[];
  };
  const { server = '', 'certificate-authority-data': ca = '' } = clusters[0]?.cluster ?? {};
  const { 'client-certificate-data': cert = '', 'client-key-data': key = '' } = users[0]?.user ?? {};
  const credentials = { cert: decoded(cert), key: decoded(key) };
  return { transport: new HttpsTransport({ clock: realClock }, { server, ca: decoded(ca), credentials }), server };
}

it.each(['real', 'virtual'] as const)('serves HTTPS, also after a restart and a reset (%s clock)', async (clock) => {
  cluster = await startCluster({ clock, startTime: new Date('2031-01-01T00:00:00Z') });
  const kubeconfig = await cluster.kubeconfig();
  expect(await cluster.kubeconfig()).toBe(kubeconfig);
  const { transport, server } = connect(kubeconfig);
  expect(server).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
  const client = createClient(transport);
  try {
    const metadata = { name: 'over-https', namespace: 'default' };
    await client.create(configmaps, { metadata, data: { a: '1' } });
    expect((await cluster.client.get(configmaps, metadata)).data).toEqual({ a: '1' });
    await cluster.restart('apiserver');
    expect((await client.get(configmaps, metadata)).data).toEqual({ a: '1' });
    await cluster.reset();
    await expect(client.get(configmaps, metadata)).rejects.toMatchObject({ reason: 'NotFound' });
    expect((await client.list(pods)).items).toEqual([]);
  } finally {
    transport.close();
  }
});
