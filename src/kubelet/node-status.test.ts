import { tmpdir } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import { leases, nodes } from '../api/generated/resources.ts';
import type { Node, NodeCondition } from '../api/generated/types.ts';
import { silentLog } from '../base/log.ts';
import { seededRng } from '../base/rng.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import { FakeTransport } from '../client/fake.ts';
import { createClient } from '../client/typed-client.ts';
import { FakeCri } from '../cri/fake.ts';
import { NodeReporter } from './node-status.ts';

const name = 'n';

describe('NodeReporter', () => {
  let stop = () => {};
  afterEach(() => stop());

  async function world() {
    const clock = new VirtualClock();
    const rng = seededRng(1);
    const api = new FakeTransport({ clock, rng });
    const client = createClient(api);
    const cri = new FakeCri({ clock, rng });
    const inUse: string[] = [];
    const seen: Node[] = [];
    const identity = { nodeName: name, nodeIps: ['192.0.2.1'], kubeletPort: 10_250, maxPods: 10, dataDir: tmpdir() };
    const reporter = new NodeReporter(
      { client, cri, clock, rng, log: silentLog, observed: (node) => seen.push(node) },
      { ...identity, volumesInUse: () => [...inUse] },
    );
    stop = () => reporter.stop();
    await reporter.start();
    await clock.advance(0);
    const ready = async () =>
      (await client.get(nodes, { name })).status?.conditions?.find(({ type }) => type === 'Ready');
    return { clock, client, cri, reporter, ready, inUse, seen };
  }

  /** Lets virtual time pass until it is so; what reads /proc meanwhile gets real time. */
  async function until(clock: VirtualClock, is: () => Promise<boolean> | boolean, limitMs: number): Promise<void> {
    for (let passed = 0; passed <= limitMs; passed += 100) {
      if (await is()) return;
      await clock.advance(100);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    throw new Error('did not become so');
  }

  it('registers the node, ready, with a lease', async () => {
    const { client, ready } = await world();
    expect(await ready()).toMatchObject({ status: 'True', reason: 'KubeletReady' });
    expect((await client.get(leases, { namespace: 'kube-node-lease', name })).spec.holderIdentity).toBe(name);
  });

  it('says that it is there when it was taken for lost', async () => {
    const { clock, client, ready } = await world();
    const lost: NodeCondition[] = [{ type: 'Ready', status: 'Unknown', reason: 'NodeStatusUnknown' }];
    await client.patch(
      nodes,
      { name },
      { type: 'merge', body: { status: { conditions: lost } } },
      { subresource: 'status' },
    );
    expect((await ready())?.status).toBe('Unknown');
    await until(clock, async () => (await ready())?.status === 'True', 30_000);
  });

  it('knows what others write on the node, before its own next report', async () => {
    const { clock, client, reporter } = await world();
    await client.patch(nodes, { name }, { type: 'merge', body: { metadata: { labels: { disk: 'ssd' } } } });
    await until(clock, () => reporter.node?.metadata.labels?.['disk'] === 'ssd', 1000);
  });

  it('says at once which volumes are in use, and when none is any more', async () => {
    const { clock, client, reporter, inUse, seen } = await world();
    const said = async () => (await client.get(nodes, { name })).status?.volumesInUse;
    inUse.push('kubernetes.io/csi/d^v');
    reporter.reportSoon();
    await until(clock, async () => (await said())?.length === 1, 1000);
    expect(seen.at(-1)?.status?.volumesInUse).toEqual(inUse);
    inUse.length = 0;
    reporter.reportSoon();
    await until(clock, async () => (await said()) === undefined, 1000);
  });

  it('says how the runtime can run pods, also while that does not answer; an older one does not tell', async () => {
    const { clock, client, cri, reporter, ready } = await world();
    const { Status } = cri.runtime;
    const said = async () => (await client.get(nodes, { name })).status?.runtimeHandlers;
    const runtimeHandlers = [{ name: '', features: { recursiveReadOnlyMounts: true } }, { name: 'runsc' }];
    cri.runtime.Status = async (request) => ({ ...(await Status(request)), runtimeHandlers });
    reporter.reportSoon();
    await until(clock, async () => (await said())?.length === 2, 1000);
    expect(await said()).toEqual([
      { name: '', features: { recursiveReadOnlyMounts: true, userNamespaces: false } },
      { name: 'runsc', features: { recursiveReadOnlyMounts: false, userNamespaces: false } },
    ]);
    cri.runtime.Status = () => Promise.reject(new Error('not now'));
    reporter.reportSoon();
    await until(clock, async () => (await ready())?.status === 'False', 1000);
    expect(await said()).toHaveLength(2);
    expect(reporter.runtimeHandlers).toEqual(runtimeHandlers);
    cri.runtime.Status = Status;
    reporter.reportSoon();
    await until(clock, async () => (await said()) === undefined, 1000);
    expect(reporter.runtimeHandlers).toEqual([]);
  });
});
