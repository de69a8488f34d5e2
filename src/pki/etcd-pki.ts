import type { Clock } from '../base/clock.ts';
import type { KeyPair } from './issue.ts';
import { caLifeMs, ensureAuthority, ensureLeaf } from './kept-certificate.ts';

/** What a member of the cluster's etcd and its clients have: who has a certificate of this authority may do everything. */
export interface EtcdPki {
  ca: KeyPair;
  /** Of this machine's member towards clients and other members, and of its API server towards all members. */
  member: KeyPair;
}

/**
 * Makes what is missing in `dir` (etcd-ca.crt and .key, etcd.crt and .key), for a member with this address. As a certificate
 * of etcd cannot be replaced under a running client, it lives as long as its authority.
 */
export async function ensureEtcdPki(
  dir: string,
  { clock, address }: { clock: Clock; address: string },
): Promise<EtcdPki> {
  const ca = await ensureAuthority(dir, 'etcd-ca', { name: 'etcd-ca', clock });
  const wanted = {
    file: 'etcd',
    commonName: 'etcd',
    // A client that knows several members asks all of them for the name of the first, which is its own.
    hosts: ['localhost', '127.0.0.1', address],
    usages: ['server auth' as const, 'client auth' as const],
    lifeMs: caLifeMs,
  };
  return { ca, member: await ensureLeaf(dir, { ca, wanted, clock }) };
}
