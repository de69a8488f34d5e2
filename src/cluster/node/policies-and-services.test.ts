import { describe, expect, it } from 'vitest';
import { FakeNft, type FakeTable } from '../../nft/fake.ts';
import { tracePacket } from '../../nft/packet-tracer.ts';
import type { TableContent } from '../../nft/table.ts';
import { testPod, testPolicy } from '../../policy/policy-fixtures.ts';
import { render as renderPolicies } from '../../policy/render.ts';
import { render as renderServices } from '../../proxy/render.ts';
import { testNode, testService, testSlice } from '../../proxy/service-fixtures.ts';

const pod = testPod('10.244.0.1', { labels: { app: 'db' } });
const friend = testPod('10.244.0.2', { labels: { app: 'web' } });
const stranger = testPod('10.244.0.3');
const client = '203.0.113.7';
const localAddresses = [...testNode.addresses];
const service = testService('db', {
  type: 'NodePort',
  clusterIP: '10.96.0.20',
  ports: [{ port: 80, nodePort: 30080, protocol: 'TCP' }],
});
const services = renderServices({ services: [service], endpointSlices: [testSlice('db', [pod.address])] }, testNode);
const policies = renderPolicies(
  {
    policies: [
      testPolicy('db', {
        podSelector: { matchLabels: { app: 'db' } },
        ingress: [
          { from: [{ podSelector: { matchLabels: { app: 'web' } } }, { ipBlock: { cidr: `${client}/32` } }] },
          { ports: [{ port: 9999 }] },
        ],
      }),
    ],
    pods: [pod, friend, stranger],
    namespaces: [['default', {}]],
  },
  { nodeName: testNode.name },
);

async function tableOf(content: TableContent): Promise<FakeTable> {
  const nft = new FakeNft();
  await nft.replace(content);
  return nft.table ?? expect.fail();
}

/** Both tables of a node, each written without knowing of the other. */
const tables = Promise.all([policies, services].map(tableOf));
const through = async (source: string, destination: string, port: number) =>
  tracePacket(await tables, { source, destination, port }, { localAddresses });

describe('a pod behind a service and a policy', () => {
  it('is reached by whom the policy names, who keep their address until then', async () => {
    expect(await through(friend.address, '10.96.0.20', 80)).toMatchObject({
      fate: 'delivered',
      destination: pod.address,
      port: 8080,
    });
    const fromOutside = await through(client, '172.30.0.11', 30_080);
    expect(fromOutside).toMatchObject({ fate: 'delivered', destination: pod.address, masqueraded: true });
  });

  it('is not reached by others, whichever way they take', async () => {
    expect((await through(stranger.address, '10.96.0.20', 80)).fate).toBe('dropped');
    expect((await through(stranger.address, pod.address, 8080)).fate).toBe('dropped');
    expect((await through('203.0.113.8', '172.30.0.11', 30_080)).fate).toBe('dropped');
  });

  it('has its own port, not the one of the service, in the policy', async () => {
    expect((await through(stranger.address, pod.address, 9999)).fate).toBe('delivered');
  });

  it('is reached by the node, and by itself', async () => {
    expect((await through('172.30.0.11', '10.96.0.20', 80)).fate).toBe('delivered');
    expect(await through(pod.address, '10.96.0.20', 80)).toMatchObject({ fate: 'delivered', masqueraded: true });
  });
});
