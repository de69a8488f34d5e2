import type { Clock } from '../base/clock.ts';
import { renderKubeconfig } from '../pki/kubeconfig.ts';
import { servingCertificates } from './trust.ts';
import type { World } from './world.ts';

/** How an administrator reaches a cluster: as a kubeconfig, and its parts (PEM) for clients that read none. */
export interface Access {
  kubeconfig: string;
  server: string;
  ca: string;
  cert: string;
  key: string;
}

/** Opens an HTTPS port on the loopback interface. */
export async function serveWorld({ trust, plane, clock }: World, machineClock: Clock): Promise<Access> {
  const certificates = await servingCertificates(trust, [machineClock, clock]);
  const server = `https://127.0.0.1:${await plane.serve(certificates.server)}`;
  const { admin } = certificates;
  const about = { clusterName: 'knarr-testing', userName: 'kubernetes-admin', server, caPem: trust.ca.cert };
  return { kubeconfig: renderKubeconfig({ ...about, credential: admin }), server, ca: trust.ca.cert, ...admin };
}
