import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiServer } from '../../src/apiserver/api-server.ts';
import { allAuthenticated, mastersGroup } from '../../src/apiserver/authn/user-info.ts';
import { realClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { seededRng } from '../../src/base/rng.ts';
import type { Client } from '../../src/client/client.ts';
import { HttpsTransport } from '../../src/client/https.ts';
import { transportContract } from '../../src/client/transport.contract.ts';
import { createClient } from '../../src/client/typed-client.ts';
import { ensureClusterPki } from '../../src/pki/cluster-pki.ts';
import { MemoryJournal } from '../../src/store/memory-journal.ts';
import { configmaps, serviceaccounts } from '../../src/api/generated/resources.ts';

/** Room for what a fresh cluster writes, and little more. */
const historyBytes = 1_000_000;

/** Pushes everything before it out of the history. */
async function fillHistory(client: Client): Promise<void> {
  const data = { filler: 'x'.repeat(100_000) };
  for (let i = 0; i < historyBytes / 100_000 + 1; i++)
    await client.create(configmaps, { metadata: { name: `filler-${i}`, namespace: 'default' }, data });
}

/** The transport contract over both ways into the real API server. */
async function start() {
  const folder = mkdtempSync(join(tmpdir(), 'contract-'));
  const pki = await ensureClusterPki(folder, {
    clock: realClock,
    clusterName: 'test',
    addresses: ['127.0.0.1'],
    serviceAddress: '10.96.0.1',
  });
  const api = await ApiServer.start(
    {
      journal: new MemoryJournal(),
      clock: realClock,
      rng: seededRng(1),
      log: silentLog,
      onFatal: (e: unknown) => {
        throw e;
      },
    },
    {
      serviceCidr: '10.96.0.0/16',
      historyBytes,
      ca: pki.ca.cert,
      tokenKey: pki.serviceAccount.key,
      facts: {
        caPem: pki.ca.cert,
        serverUrl: 'https://127.0.0.1:6443',
        endpointAddress: '172.30.0.254',
        endpointPort: 6443,
        serviceAddress: '10.96.0.1',
        serviceCidr: '10.96.0.0/16',
        podCidr: '10.244.0.0/16',
        dnsAddress: '10.96.0.10',
        clusterDomain: 'cluster.local',
      },
    },
  );
  const admin = createClient(api.transportFor({ name: 'admin', groups: [mastersGroup, allAuthenticated] }, 'test'));
  await admin.create(serviceaccounts, { metadata: { name: 'default', namespace: 'default' } });
  return { api, pki, admin, folder };
}
transportContract('in process', async () => {
  const { api, admin, folder } = await start();
  return {
    client: admin,
    compact: () => fillHistory(admin),
    async close() {
      await api.close();
      rmSync(folder, { recursive: true });
    },
  };
});
transportContract('https to the real server', async () => {
  const { api, pki, folder } = await start();
  const port = await api.listen({
    hosts: ['127.0.0.1'],
    port: 0,
    cert: pki.apiserver.cert,
    key: pki.apiserver.key,
    ca: pki.ca.cert,
  });
  const transport = new HttpsTransport(
    { clock: realClock },
    { server: `https://127.0.0.1:${port}`, ca: pki.ca.cert, credentials: pki.admin },
  );
  const client = createClient(transport);
  return {
    client,
    compact: () => fillHistory(client),
    async close() {
      transport.close();
      await api.close();
      rmSync(folder, { recursive: true });
    },
  };
});
