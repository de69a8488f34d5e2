import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  configmaps,
  deployments,
  endpointslices,
  events,
  namespaces,
  nodes,
  pods,
  replicasets,
  serviceaccounts,
  services,
} from '../../src/api/generated/resources.ts';
import type { KubeObject, Resource } from '../../src/api/resource.ts';
import { keyOf } from '../../src/api/resource.ts';
import { ApiServer } from '../../src/apiserver/api-server.ts';
import { allAuthenticated, mastersGroup, serviceAccountUser } from '../../src/apiserver/authn/user-info.ts';
import { realClock } from '../../src/base/clock.ts';
import { type Logger, silentLog } from '../../src/base/log.ts';
import { seededRng } from '../../src/base/rng.ts';
import { Informer } from '../../src/client/informer.ts';
import { createClient } from '../../src/client/typed-client.ts';
import { startControllers } from '../../src/controllers/controllers.ts';
import { ensureClusterPki } from '../../src/pki/cluster-pki.ts';
import { MemoryJournal } from '../../src/store/memory-journal.ts';

/** The real API server and all controllers, each with nothing but its own role, without nodes. */
describe('control plane', () => {
  const folder = mkdtempSync(join(tmpdir(), 'control-plane-'));
  const refused: string[] = [];
  const log: Logger = {
    ...silentLog,
    warn: (fields, message) => refused.push(`${message} ${JSON.stringify(fields)}`),
    child: () => log,
  };
  const clock = realClock;
  const rng = seededRng(1);
  let api: ApiServer;
  let stop = () => {};
  const admin = () =>
    createClient(api.transportFor({ name: 'admin', groups: [mastersGroup, allAuthenticated] }, 'test'));

  beforeAll(async () => {
    const serviceAddress = '10.96.0.1';
    const pki = await ensureClusterPki(folder, {
      clock,
      clusterName: 'test',
      addresses: ['127.0.0.1'],
      serviceAddress,
    });
    const onFatal = (error: unknown) => {
      throw error;
    };
    api = await ApiServer.start(
      { journal: new MemoryJournal(), clock, rng, log: silentLog, onFatal },
      {
        serviceCidr: '10.96.0.0/16',
        ca: pki.ca.cert,
        tokenKey: pki.serviceAccount.key,
        facts: {
          caPem: pki.ca.cert,
          serverUrl: 'https://127.0.0.1:6443',
          endpointAddress: '172.30.0.254',
          endpointPort: 6443,
          serviceAddress,
          serviceCidr: '10.96.0.0/16',
          podCidr: '10.244.0.0/16',
          dnsAddress: '10.96.0.10',
          clusterDomain: 'cluster.local',
        },
      },
    );
    const manager = { name: 'system:kube-controller-manager', groups: [allAuthenticated] };
    const running = startControllers(
      {
        clientFor: (name) => createClient(api.transportFor(serviceAccountUser('kube-system', name), name)),
        cacheClient: createClient(api.transportFor(manager, 'kube-controller-manager')),
        clock,
        rng,
        log,
      },
      { rootCaPem: pki.ca.cert, podCidr: '10.244.0.0/16', authority: pki.ca },
    );
    stop = running.stop;
    await running.synced;
  });
  afterAll(async () => {
    stop();
    await api.close();
    rmSync(folder, { recursive: true });
  });

  /** Waits until the objects of a resource are as wanted. */
  async function until<T extends KubeObject>(resource: Resource<T>, wanted: (items: T[]) => boolean): Promise<T[]> {
    const informer = new Informer({ client: admin(), clock, rng, log: silentLog }, resource);
    informer.start();
    await informer.waitUntil(() => informer.isSynced && wanted(informer.list()));
    informer.stop();
    return informer.list();
  }

  it('fills a namespace and empties it again', async () => {
    await admin().create(namespaces, { metadata: { name: 'team' } });
    const inTeam = (o: KubeObject) => o.metadata.namespace === 'team';
    await until(serviceaccounts, (all) => all.some(inTeam));
    await until(configmaps, (all) => all.some((o) => inTeam(o) && o.metadata.name === 'kube-root-ca.crt'));
    await admin().delete(namespaces, { name: 'team' });
    await until(namespaces, (all) => !all.some((o) => o.metadata.name === 'team'));
    expect((await admin().list(configmaps, { namespace: 'team' })).items).toEqual([]);
  });

  it('gives a node its network', async () => {
    await admin().create(nodes, { metadata: { name: 'n1' } });
    const all = await until(nodes, (items) => items.some((n) => n.spec?.podCIDR));
    expect(all[0]?.spec?.podCIDR).toBe('10.244.0.0/24');
  });

  it('takes a deployment and a service from manifest to endpoints, rolls it, and collects it', async () => {
    await until(serviceaccounts, (all) => all.some((o) => o.metadata.namespace === 'default'));
    const key = { namespace: 'default', name: 'web' };
    const template = (image: string) => ({
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'main', image, ports: [{ name: 'http', containerPort: 8080 }] }] },
    });
    const selector = { app: 'web' };
    await admin().create(deployments, {
      metadata: key,
      spec: { replicas: 3, selector: { matchLabels: selector }, template: template('a') },
    } as never);
    await admin().create(services, { metadata: key, spec: { selector, ports: [{ port: 80, targetPort: 'http' }] } });
    await runAll('a', 3);
    const [slice] = await until(endpointslices, (all) =>
      all.some(
        (s) => s.metadata.name.startsWith('web-') && s.endpoints?.filter((e) => e.conditions?.ready).length === 3,
      ),
    ).then((all) => all.filter((s) => s.metadata.name.startsWith('web-')));
    expect(slice?.ports?.[0]).toMatchObject({ port: 8080, protocol: 'TCP' });
    await admin().patch(deployments, key, { type: 'merge', body: { spec: { template: template('b') } } });
    await runAll('b', 3);
    await until(deployments, ([d]) => {
      const progressing = d?.status.conditions?.find((c) => c.type === 'Progressing');
      return (
        progressing?.reason === 'NewReplicaSetAvailable' && d?.status.observedGeneration === d?.metadata.generation
      );
    });
    const [settled] = (await admin().list(deployments)).items;
    expect(settled?.metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('2');
    await until(events, (all) => all.some(({ reason }) => reason === 'SuccessfulCreate'));
    const reasons = (await admin().list(events, { namespace: 'default' })).items.map((e) => e.reason);
    expect(reasons).toEqual(expect.arrayContaining(['ScalingReplicaSet', 'SuccessfulCreate']));

    await admin().delete(deployments, key, { propagationPolicy: 'Foreground' });
    await until(deployments, (all) => all.length === 0);
    await until(replicasets, (all) => all.length === 0);
    await until(pods, (all) => all.length === 0);
    expect(refused).toEqual([]);
  });

  /** Plays the kubelet until so many pods of the image are ready and no other is left. */
  async function runAll(image: string, count: number): Promise<void> {
    let next = 1;
    const isReady = (phase?: string) => phase === 'Running';
    for (;;) {
      const all = await until(pods, (items) => {
        const right = items.filter((p) => p.spec.containers[0]?.image === image && isReady(p.status?.phase));
        return items.some((p) => !isReady(p.status?.phase)) || (right.length === count && items.length === count);
      });
      const waiting = all.filter((p) => !isReady(p.status?.phase));
      if (waiting.length === 0) return;
      for (const pod of waiting) {
        const now = new Date(clock.now()).toISOString().replace(/\.\d+/, '');
        const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime: now }];
        const podIP = `10.244.0.${Number(image === 'b') * 100 + next++}`;
        const body = { status: { phase: 'Running', podIP, podIPs: [{ ip: podIP }], conditions } };
        await admin().patch(pods, keyOf(pod), { type: 'merge', body }, { subresource: 'status' });
      }
    }
  }
});
