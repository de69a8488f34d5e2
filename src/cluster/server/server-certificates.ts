import { type Clock, every } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import { expiresSoon } from '../../pki/certificate.ts';
import { type ClusterPki, ensureClusterPki } from '../../pki/cluster-pki.ts';
import { readText, writeSecret } from '../../pki/files.ts';
import { renderKubeconfig } from '../../pki/kubeconfig.ts';
import { refreshContexts } from '../kubeconfig/cluster-contexts.ts';
import { type ClusterLayout, contextNameOf } from '../layout.ts';

/** Where the server listens besides 127.0.0.1. */
export const addressesOf = ({ network, advertise }: ClusterLayout): string[] => [
  ...new Set([network.hostAddress, ...(advertise ? [advertise] : [])]),
];

/** The control plane's certificates as they should be now: what is missing is made, what is near its end renewed. */
export const serverPki = (layout: ClusterLayout, clock: Clock): Promise<ClusterPki> =>
  ensureClusterPki(layout.pkiDir, {
    clock,
    clusterName: layout.name,
    addresses: addressesOf(layout),
    serviceAddress: layout.network.kubernetesAddress,
  });

/** Dates are compared this often, in memory: a timer for a day far away would not notice that the machine slept. */
const checkMs = 60_000;

export interface RenewalDeps {
  clock: Clock;
  log: Logger;
  /** Takes the renewed certificates into use; connections that stand go on. */
  onRenewed(pki: ClusterPki): void;
}

/**
 * Renews the certificates in time while the server runs, and every kubeconfig that has them. The result stops it, and is
 * settled when no renewal is at work any more: none writes after it.
 */
export function keepCertificatesValid(deps: RenewalDeps, layout: ClusterLayout, pki: ClusterPki): () => Promise<void> {
  const { clock, log, onRenewed } = deps;
  let current = pki;
  let renewal: Promise<void> | undefined;
  const renew = async () => {
    current = await serverPki(layout, clock);
    onRenewed(current);
    await writeKubeconfig(layout, current);
    await refreshContexts(layout, { clock });
    log.info({}, 'certificates of the control plane renewed');
  };
  const cancel = every(clock, checkMs, () => {
    const leaves = [current.apiserver, current.admin, current.kubeletClient, current.frontProxy.client];
    if (renewal || !leaves.some(({ cert }) => expiresSoon(cert, clock))) return;
    renewal = renew()
      .catch((error: unknown) => log.error({ error: String(error) }, 'certificates cannot be renewed'))
      .finally(() => {
        renewal = undefined;
      });
  });
  return async () => {
    cancel();
    await renewal;
  };
}

/** The administrator's kubeconfig; written when the server answers, so that its presence means something. */
export async function writeKubeconfig(layout: ClusterLayout, pki: ClusterPki): Promise<void> {
  const text = renderKubeconfig({
    clusterName: contextNameOf(layout.name),
    server: `https://127.0.0.1:${layout.apiPort}`,
    caPem: pki.ca.cert,
    userName: 'kubernetes-admin',
    credential: { cert: pki.admin.cert, key: pki.admin.key },
  });
  if ((await readText(layout.kubeconfig)) !== text) await writeSecret(layout.kubeconfig, text);
}
