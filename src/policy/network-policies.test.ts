import { beforeEach, describe, expect, it } from 'vitest';
import { namespaces, networkpolicies, pods } from '../api/generated/resources.ts';
import type { NetworkPolicySpec, Pod } from '../api/generated/types.ts';
import { silentLog } from '../base/log.ts';
import { seededRng } from '../base/rng.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import type { Client } from '../client/client.ts';
import { FakeTransport } from '../client/fake.ts';
import { type Informers, informersFor } from '../client/informers.ts';
import { createClient } from '../client/typed-client.ts';
import { FakeNft } from '../nft/fake.ts';
import { NetworkPolicies } from './network-policies.ts';

const denyAll: NetworkPolicySpec = { podSelector: {}, policyTypes: ['Ingress'] };

describe('NetworkPolicies', () => {
  let clock: VirtualClock;
  let client: Client;
  let nft: FakeNft;
  let policies: NetworkPolicies;
  let informers: Informers;

  beforeEach(async () => {
    clock = new VirtualClock();
    client = createClient(new FakeTransport({ clock, rng: seededRng(1) }));
    nft = new FakeNft();
    informers = informersFor(client, { clock, rng: seededRng(2), log: silentLog });
    policies = new NetworkPolicies({ informers, nft, clock, log: silentLog }, { nodeName: 'node-1' });
    await client.create(namespaces, { metadata: { name: 'default', labels: { team: 'x' } } } as never);
    policies.start();
  });

  const begin = async () => {
    informers.start();
    await clock.advance(10);
  };
  const allow = (name: string, spec: NetworkPolicySpec) =>
    client.create(networkpolicies, { metadata: { name, namespace: 'default' }, spec });
  const pod = async (name: string, status: Pod['status'], spec: Partial<Pod['spec']> = {}): Promise<Pod> => {
    const made = await client.create(pods, {
      metadata: { name, namespace: 'default' },
      spec: { nodeName: 'node-1', containers: [{ name: 'c' }], ...spec },
    });
    return say(made, status);
  };
  const say = (made: Pod, status: Pod['status']) =>
    client.update(pods, { ...made, status: { ...made.status, ...status } }, { subresource: 'status' });
  const restricted = () => [...(nft.table?.elements.get('ingress')?.keys() ?? [])].sort();

  it('has no table and follows no pods while there is no policy', async () => {
    await pod('a', { podIP: '10.244.0.1' });
    await begin();
    expect(nft.table).toBeUndefined();
    expect(informers.informer(pods).size).toBe(0);
  });

  it('restricts the pods of this node that have an address of their own', async () => {
    await pod('here', { podIP: '10.244.0.1' });
    await pod('there', { podIP: '10.244.1.1' }, { nodeName: 'node-2' });
    await pod('host', { podIP: '172.30.0.11' }, { hostNetwork: true });
    await pod('done', { podIP: '10.244.0.2', phase: 'Succeeded' });
    await pod('starting', {});
    await allow('deny', denyAll);
    await begin();
    expect(restricted()).toEqual(['10.244.0.1']);
    expect(nft.transactions).toBe(1);
  });

  it('follows what comes, changes and goes, and takes the table away with the last policy', async () => {
    await begin();
    await allow('deny', denyAll);
    const made = await pod('a', { podIP: '10.244.0.1' });
    await clock.advance(10);
    expect(restricted()).toEqual(['10.244.0.1']);
    await say(made, { phase: 'Failed' });
    await clock.advance(10);
    expect(restricted()).toEqual([]);
    await client.delete(networkpolicies, { namespace: 'default', name: 'deny' });
    await clock.advance(10);
    expect(nft.table).toBeUndefined();
    await allow('again', denyAll);
    await pod('b', { podIP: '10.244.0.2' });
    await clock.advance(10);
    expect(restricted()).toEqual(['10.244.0.2']);
  });

  it('starts over when somebody took the table away', async () => {
    await allow('deny', denyAll);
    await begin();
    await nft.remove();
    await pod('a', { podIP: '10.244.0.1' });
    await clock.advance(1000);
    expect(restricted()).toEqual(['10.244.0.1']);
  });

  describe('a pod that starts', () => {
    const admitted = async (wait: Promise<void>, ms = 10): Promise<boolean> => {
      let is = false;
      void wait.then(() => {
        is = true;
      });
      await clock.advance(ms);
      return is;
    };

    it('is restricted before anything in it runs, though the API knows no address of it yet', async () => {
      await allow('deny', denyAll);
      await begin();
      const made = await pod('a', {});
      nft.failNext = new Error('planted');
      const wait = policies.admit(made, ['10.244.0.1']);
      expect(await admitted(wait, 10)).toBe(false);
      expect(await admitted(wait, 1000)).toBe(true);
      expect(restricted()).toEqual(['10.244.0.1']);
    });

    it('waits for nothing when no policy selects it', async () => {
      await allow('other', { podSelector: { matchLabels: { a: 'b' } } });
      await begin();
      nft.failNext = new Error('planted');
      expect(await admitted(policies.admit(await pod('a', {}), ['10.244.0.1']))).toBe(true);
    });

    it('waits for the first list of policies, but not for ever', async () => {
      const made = await pod('a', {});
      const wait = policies.admit(made, ['10.244.0.1']);
      expect(await admitted(wait, 100)).toBe(false);
      expect(await admitted(wait, 5000)).toBe(true);
    });

    it('has the address that the runtime gave it last', async () => {
      await allow('deny', denyAll);
      await begin();
      const made = await pod('a', { podIP: '10.244.0.1' });
      await clock.advance(10);
      await Promise.all([policies.admit(made, ['10.244.0.9']), clock.advance(10)]);
      expect(restricted()).toEqual(['10.244.0.9']);
    });
  });
});
