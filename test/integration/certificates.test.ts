import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configmaps, nodes } from '../../src/api/generated/resources.ts';
import { ApiServer } from '../../src/apiserver/api-server.ts';
import { allAuthenticated, mastersGroup, serviceAccountUser } from '../../src/apiserver/authn/user-info.ts';
import { realClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { machineRng } from '../../src/base/rng.ts';
import { HttpsTransport } from '../../src/client/https.ts';
import { createClient } from '../../src/client/typed-client.ts';
import { layoutOf } from '../../src/cluster/layout.ts';
import { obtainIdentity, type NodeIdentity } from '../../src/cluster/node/node-identity.ts';
import { keepCertificatesValid, serverPki, writeKubeconfig } from '../../src/cluster/server/server-certificates.ts';
import { startControllers } from '../../src/controllers/controllers.ts';
import { runCommand } from '../../src/host/command.ts';
import { caHash, inspectCertificate } from '../../src/pki/certificate.ts';
import type { KeyPair } from '../../src/pki/issue.ts';
import { generateJoinToken, joinTokenSecret, joinTokenText } from '../../src/pki/join-token.ts';
import { secrets } from '../../src/api/generated/resources.ts';
import { MemoryJournal } from '../../src/store/memory-journal.ts';
import { TurnedClock } from './turned-clock.ts';

const dayMs = 86_400_000;
const rng = machineRng;
const log = silentLog;

/**
 * API server, signer and a node's identity, over real TLS, which looks at the machine's own clock. So the cluster was made
 * 350 days ago: its certificates are valid for another 15 days, and then the clock is turned to now.
 */
describe('certificates while a cluster runs', () => {
  const dir = mkdtempSync(join(tmpdir(), 'certificates-'));
  const layout = layoutOf({ name: 'certs', index: 15, home: dir });
  const clock = new TurnedClock(-350 * dayMs);
  const undo: (() => Promise<void> | void)[] = [() => rmSync(dir, { recursive: true })];
  let api: ApiServer;
  let port: number;
  let ca: string;
  let identity: NodeIdentity;
  const serving: KeyPair[] = [];

  beforeAll(async () => {
    const pki = await serverPki(layout, clock);
    ca = pki.ca.cert;
    const onFatal = (error: unknown) => {
      throw error;
    };
    api = await ApiServer.start(
      { journal: new MemoryJournal(), clock, rng, log, onFatal },
      {
        serviceCidr: layout.network.serviceCIDR,
        ca,
        tokenKey: pki.serviceAccount.key,
        nodes: pki.kubeletClient,
        facts: {
          caPem: ca,
          serverUrl: layout.apiUrl,
          endpointAddress: layout.network.hostAddress,
          endpointPort: layout.apiPort,
          serviceAddress: layout.network.kubernetesAddress,
          serviceCidr: layout.network.serviceCIDR,
          podCidr: layout.network.podCIDR,
          dnsAddress: layout.network.dnsAddress,
          clusterDomain: 'cluster.local',
        },
      },
    );
    undo.push(() => api.close());
    port = await api.listen({ hosts: ['127.0.0.1'], port: 0, ...pki.apiserver, ca });
    await writeKubeconfig(layout, pki);
    undo.push(
      keepCertificatesValid(
        {
          clock,
          log,
          onRenewed: (next) => api.useCertificates({ serving: next.apiserver, nodes: next.kubeletClient }),
        },
        layout,
        pki,
      ),
    );
    const as = (name: string) => createClient(api.transportFor(serviceAccountUser('kube-system', name), name));
    const manager = { name: 'system:kube-controller-manager', groups: [allAuthenticated] };
    const controllers = startControllers(
      { clientFor: as, cacheClient: createClient(api.transportFor(manager, 'manager')), clock, rng, log },
      { rootCaPem: ca, podCidr: layout.network.podCIDR, authority: pki.ca },
    );
    undo.push(() => controllers.stop());
    const admin = createClient(api.transportFor({ name: 'admin', groups: [mastersGroup, allAuthenticated] }, 'test'));
    const token = generateJoinToken(rng);
    await admin.create(secrets, joinTokenSecret(token));
    identity = await obtainIdentity(
      { clock, rng, log, run: runCommand },
      {
        cluster: 'certs',
        server: `https://127.0.0.1:${port}`,
        token: joinTokenText(token),
        caHash: caHash(ca),
        name: 'n1',
        dir: join(dir, 'n1'),
        address: '127.0.0.1',
      },
      (pair) => serving.push(pair),
    );
    undo.push(
      () => identity.transport.close(),
      () => identity.certificates.stop(),
    );
    const node = { metadata: { name: 'n1' }, status: { addresses: [{ type: 'InternalIP', address: '127.0.0.1' }] } };
    await createClient(identity.transport).create(nodes, node as never);
    await createClient(identity.transport).update(
      nodes,
      { ...(await createClient(identity.transport).get(nodes, { name: 'n1' })), status: node.status } as never,
      { subresource: 'status' },
    );
    serving.push(await identity.certificates.serving(['127.0.0.1']));
  });
  afterAll(async () => {
    for (const step of undo.reverse()) await step();
  });

  const shownCertificate = (): Promise<X509Certificate> =>
    new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, ca, ALPNProtocols: ['h2'] }, () => {
        resolve(socket.getPeerX509Certificate() as X509Certificate);
        socket.destroy();
      });
      socket.on('error', reject);
    });
  const nodeFile = (purpose: string): string => readFileSync(join(dir, 'n1/pki', `kubelet-${purpose}.pem`), 'utf8');
  const daysLeft = (pem: string): number => (inspectCertificate(pem).notAfterMs - realClock.now()) / dayMs;
  const adminCredentials = (): KeyPair => ({
    cert: readFileSync(join(layout.pkiDir, 'admin.crt'), 'utf8'),
    key: readFileSync(join(layout.pkiDir, 'admin.key'), 'utf8'),
  });

  it('are renewed when the clock is turned, and no connection breaks', async () => {
    const before = await shownCertificate();
    expect(daysLeft(before.toString())).toBeLessThan(16);
    expect(daysLeft(nodeFile('client'))).toBeLessThan(16);
    // An administrator, connected with the old certificate, watches all the time.
    const old = adminCredentials();
    const transport = new HttpsTransport(
      { clock: realClock },
      { server: `https://127.0.0.1:${port}`, ca, credentials: old },
    );
    const client = createClient(transport);
    const seen: string[] = [];
    let ended = false;
    const { metadata } = await client.list(configmaps, { namespace: 'default' });
    client.watch(
      configmaps,
      { namespace: 'default', resourceVersion: metadata?.resourceVersion },
      {
        events: (batch) => void seen.push(...batch.flatMap(({ object }) => object.metadata.name ?? [])),
        end: () => {
          ended = true;
        },
      },
    );
    await client.create(configmaps, { metadata: { name: 'before', namespace: 'default' } });
    await expect.poll(() => seen).toEqual(['before']);

    clock.turn(350 * dayMs);
    clock.hurry(60_000);

    await expect
      .poll(async () => daysLeft((await shownCertificate()).toString()), { timeout: 20_000 })
      .toBeGreaterThan(300);
    await expect.poll(() => daysLeft(nodeFile('client')), { timeout: 20_000 }).toBeGreaterThan(300);
    await expect.poll(() => daysLeft(nodeFile('serving')), { timeout: 20_000 }).toBeGreaterThan(300);
    expect(serving).toHaveLength(2);
    expect(daysLeft(adminCredentials().cert)).toBeGreaterThan(300);
    const renewedUser = Buffer.from(adminCredentials().cert).toString('base64');
    await expect.poll(() => readFileSync(layout.kubeconfig, 'utf8')).toContain(renewedUser);

    // The old connection goes on; the node speaks with its new certificate.
    await createClient(identity.transport).get(nodes, { name: 'n1' });
    await client.create(configmaps, { metadata: { name: 'after', namespace: 'default' } });
    await expect.poll(() => seen).toEqual(['before', 'after']);
    expect(ended).toBe(false);
    transport.close();
  });
});
