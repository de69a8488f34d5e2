import { silentLog } from '../base/log.ts';
import { realClock } from '../base/clock.ts';
import { seededRng } from '../base/rng.ts';
import type { Client } from '../client/client.ts';
import { createClient } from '../client/typed-client.ts';
import { createAuthority } from '../pki/issue.ts';
import { generateKeyPem } from '../pki/key.ts';
import { ApiServer, type ApiServerDeps } from './api-server.ts';
import { allAuthenticated, mastersGroup } from './authn/user-info.ts';

/** API servers for tests of what lies below them. All of one process have one authority, as servers of one cluster. */
const dayMs = 86_400_000;
const began = realClock.now();
const ca = await createAuthority('test', { notBeforeMs: began - dayMs, notAfterMs: began + dayMs });
const tokenKey = generateKeyPem();
const admin = { name: 'admin', groups: [mastersGroup, allAuthenticated] };

const facts = {
  caPem: ca.cert,
  serverUrl: 'https://192.0.2.1:6443',
  endpointAddress: '192.0.2.1',
  endpointPort: 6443,
  serviceAddress: '10.96.0.1',
  serviceCidr: '10.96.0.0/24',
  podCidr: '10.244.0.0/16',
  dnsAddress: '10.96.0.10',
  clusterDomain: 'cluster.local',
};

/** A server that is spoken to within the process; what ends it fails the test. */
export const startOver = (own: Pick<ApiServerDeps, 'journal' | 'clock'> & Partial<ApiServerDeps>): Promise<ApiServer> =>
  ApiServer.start(
    {
      rng: seededRng(1),
      log: silentLog,
      onFatal: (error: unknown) => {
        throw error;
      },
      ...own,
    },
    { serviceCidr: facts.serviceCidr, ca: ca.cert, tokenKey, facts },
  );

/** Who may do everything. */
export const adminOf = (api: ApiServer): Client => createClient(api.transportFor(admin, 'test'));
