import type { Clock } from '../base/clock.ts';
import { createAuthority, issueCertificate, type KeyPair } from '../pki/issue.ts';
import { generateKeyPem } from '../pki/key.ts';

/** What a cluster in memory is trusted by; nothing of it is written to a disk. */
export interface Trust {
  ca: KeyPair;
  /** PEM: signs service account tokens. */
  tokenKey: string;
}

const dayMs = 86_400_000;
const lifeMs = 10 * 365 * dayMs;

/** Valid by both clocks: the cluster's may stand years away from the machine's, which TLS goes by. */
function validity(clocks: readonly Clock[]) {
  const times = clocks.map((clock) => clock.now());
  return { notBeforeMs: Math.min(...times) - dayMs, notAfterMs: Math.max(...times) + lifeMs };
}

export const createTrust = async (clocks: readonly Clock[]): Promise<Trust> => ({
  ca: await createAuthority('kubernetes-in-memory', validity(clocks)),
  tokenKey: generateKeyPem(),
});

/** The certificates for HTTPS on the loopback interface, and the administrator's. */
export async function servingCertificates(
  { ca }: Trust,
  clocks: readonly Clock[],
): Promise<{ server: KeyPair; admin: KeyPair }> {
  const dates = validity(clocks);
  const hosts = ['localhost', '127.0.0.1', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'];
  const [server, admin] = await Promise.all([
    issueCertificate(ca, { commonName: 'kube-apiserver', hosts, usages: ['server auth'], ...dates }),
    issueCertificate(ca, {
      commonName: 'kubernetes-admin',
      organizations: ['system:masters'],
      usages: ['client auth'],
      ...dates,
    }),
  ]);
  return { server, admin };
}
