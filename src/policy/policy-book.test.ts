import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from '../api/generated/types.ts';
import { keyOf } from '../api/resource.ts';
import { FakeNft } from '../nft/fake.ts';
import type { TableContent } from '../nft/table.ts';
import { PolicyBook } from './policy-book.ts';
import { testPod, testPolicy } from './policy-fixtures.ts';
import type { Labels, PolicyPod } from './policy-pod.ts';
import { render } from './render.ts';

const nodeName = 'node-1';
const namespace = fc.constantFrom('default', 'other');
const labels = fc.dictionary(fc.constantFrom('a', 'b'), fc.constantFrom('1', '2'), { maxKeys: 2 });
const selector = fc.option(
  labels.map((matchLabels) => ({ matchLabels })),
  { nil: undefined },
);
const peer: fc.Arbitrary<NetworkPolicyPeer> = fc.oneof(
  fc.record({ podSelector: selector, namespaceSelector: selector }),
  fc.constant<NetworkPolicyPeer>({ ipBlock: { cidr: '192.0.2.0/24', except: ['192.0.2.128/25'] } }),
);
const port: fc.Arbitrary<NetworkPolicyPort> = fc.record({
  protocol: fc.constantFrom('TCP', 'UDP'),
  port: fc.constantFrom(80, 'http', undefined) as fc.Arbitrary<number | string>,
});
const policy = fc
  .record({
    name: fc.constantFrom('p', 'q', 'r'),
    namespace,
    podSelector: selector,
    rules: fc.array(fc.record({ peers: fc.array(peer, { maxLength: 2 }), ports: fc.array(port, { maxLength: 2 }) }), {
      maxLength: 2,
    }),
    policyTypes: fc.subarray(['Ingress', 'Egress'], { minLength: 1 }),
  })
  .map(({ name, namespace, podSelector, rules, policyTypes }) =>
    testPolicy(
      name,
      {
        podSelector,
        ingress: rules.map(({ peers, ports }) => ({ from: peers, ports })),
        egress: rules.map(({ peers, ports }) => ({ to: peers, ports })),
        policyTypes,
      },
      namespace,
    ),
  );
// Few addresses for many pods: what one gives up the next one takes, also before the first is known to be gone.
const pod = fc
  .record({ n: fc.nat(6), address: fc.nat(4), namespace, labels, here: fc.boolean(), port: fc.constantFrom(80, 8080) })
  .map(({ n, address, here, port, ...rest }) =>
    testPod(`10.244.0.${address}`, {
      ...rest,
      uid: `pod-${n}`,
      nodeName: here ? nodeName : 'node-2',
      ports: [{ name: 'http', protocol: 'tcp', port }],
    }),
  );

type Step =
  | { policy: NetworkPolicy; gone: boolean }
  | { pod: PolicyPod; gone: boolean }
  | { ns: string; labels: Labels | undefined }
  | 'write';

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ policy, gone: fc.boolean() }),
  fc.record({ pod, gone: fc.nat(3).map((n) => n === 0) }),
  fc.record({ ns: namespace, labels: fc.option(labels, { nil: undefined }) }),
  fc.constant('write' as const),
);

function take(book: PolicyBook, step: Exclude<Step, 'write'>): void {
  if ('policy' in step) return step.gone ? book.removePolicy(keyOf(step.policy)) : book.setPolicy(step.policy);
  if ('pod' in step) return step.gone ? book.removePod(step.pod.uid) : book.setPod(step.pod);
  return step.labels ? book.setNamespace(step.ns, step.labels) : book.removeNamespace(step.ns);
}

/** What is left of the steps, in the order in which pods came to their addresses. */
function lastState(steps: readonly Step[]) {
  const policies = new Map<string, NetworkPolicy>();
  const pods = new Map<string, PolicyPod>();
  const namespaces = new Map<string, Labels>();
  for (const step of steps) {
    if (step === 'write') continue;
    if ('policy' in step) {
      const key = JSON.stringify(keyOf(step.policy));
      if (step.gone) policies.delete(key);
      else policies.set(key, step.policy);
    } else if ('pod' in step) {
      if (step.gone || pods.get(step.pod.uid)?.address !== step.pod.address) pods.delete(step.pod.uid);
      if (!step.gone) pods.set(step.pod.uid, step.pod);
    } else if (step.labels) namespaces.set(step.ns, step.labels);
    else namespaces.delete(step.ns);
  }
  return { policies: policies.values(), pods: pods.values(), namespaces };
}

async function tableOf(content: TableContent) {
  const nft = new FakeNft();
  await nft.replace(content);
  return nft.table ?? expect.fail();
}

describe('PolicyBook', () => {
  it('comes to what rendering gives, by transactions that the table takes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const book = new PolicyBook({ nodeName });
        const nft = new FakeNft();
        await nft.replace(book.takeContent());
        for (const one of [...steps, 'write' as const]) {
          if (one === 'write') await nft.apply(book.takeChanges());
          else take(book, one);
        }
        const wanted = await tableOf(render(lastState(steps), { nodeName }));
        expect(nft.table?.elements).toEqual(wanted.elements);
        expect(new Set(nft.table?.chains.keys())).toEqual(new Set(wanted.chains.keys()));
        expect(book.takeChanges()).toEqual([]);
        expect((await tableOf(book.takeContent())).elements).toEqual(wanted.elements);
      }),
      { numRuns: 300 },
    );
  });

  const allowWeb = testPolicy('web', {
    podSelector: { matchLabels: { app: 'db' } },
    ingress: [{ from: [{ podSelector: { matchLabels: { app: 'web' } } }] }],
  });
  const db = testPod('10.244.0.1', { labels: { app: 'db' } });
  const web = testPod('10.244.1.1', { labels: { app: 'web' }, nodeName: 'node-2' });
  const begin = () => {
    const book = new PolicyBook({ nodeName });
    book.setPolicy(allowWeb);
    book.setPod(db);
    book.setPod(web);
    book.takeChanges();
    return book;
  };

  it('changes elements alone when a pod comes or goes', () => {
    const book = begin();
    book.setPod(testPod('10.244.0.2', { labels: { app: 'db' } }));
    book.setPod(testPod('10.244.1.2', { labels: { app: 'web' }, nodeName: 'node-2' }));
    const came = book.takeChanges();
    expect(came.map(({ op }) => op)).toEqual(['add', 'add', 'add']);
    book.removePod('uid-10.244.0.2');
    book.removePod('uid-10.244.1.2');
    expect(book.takeChanges().map(({ op }) => op)).toEqual(['delete', 'delete', 'delete']);
  });

  it('writes nothing for what concerns no pod of this node', () => {
    const book = begin();
    book.setPolicy(testPolicy('elsewhere', { podSelector: { matchLabels: { app: 'web' } } }));
    book.setPod(testPod('10.244.1.9', { nodeName: 'node-2' }));
    book.setPod({ ...db });
    book.setNamespace('other', { team: 'x' });
    expect(book.takeChanges()).toEqual([]);
  });

  it('lets one chain serve all pods that the same policies select', () => {
    const book = begin();
    for (let i = 2; i < 100; i++) book.setPod(testPod(`10.244.0.${i}`, { labels: { app: 'db' } }));
    const { chains, elements } = book.takeContent();
    expect(chains).toHaveLength(5);
    expect(elements.ingress?.size).toBe(99);
  });

  it('gives an address that two pods claim to the later one, and back', () => {
    const book = begin();
    const twin = (uid: string) => testPod('10.244.0.7', { uid, labels: { app: 'db' } });
    book.setPod(twin('first'));
    book.setPod(twin('second'));
    expect(book.takeChanges()).not.toEqual([]);
    book.removePod('second');
    expect(book.takeChanges()).toEqual([]);
    expect(book.takeContent().elements.ingress?.has('10.244.0.7')).toBe(true);
    book.setPod(testPod('10.244.0.7', { uid: 'third', labels: { app: 'none' } }));
    expect(book.takeContent().elements.ingress?.has('10.244.0.7')).toBe(false);
    book.removePod('first');
    expect(book.takeContent().elements.ingress?.has('10.244.0.7')).toBe(false);
  });

  it('takes away what the last pod needed', () => {
    const book = begin();
    const empty = render({ policies: [], pods: [], namespaces: [] }, { nodeName });
    book.removePod(db.uid);
    expect(book.takeChanges().map(({ op }) => op)).toEqual([
      'delete',
      'delete',
      'deleteChain',
      'deleteChain',
      'deleteSet',
    ]);
    expect(book.takeContent()).toEqual(empty);
  });
});
