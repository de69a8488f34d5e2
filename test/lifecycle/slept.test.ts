import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { Pod } from '../../src/api/generated/types.ts';
import { realClock } from '../../src/base/clock.ts';
import { extendedUsageOids, type ExtendedUsage, inspectCertificate } from '../../src/pki/certificate.ts';
import { issueCertificate, type KeyPair } from '../../src/pki/issue.ts';
import { fetchText, RealCluster, runWeb } from './real-cluster.ts';

const dayMs = 86_400_000;
const cluster = new RealCluster('lc-slept');
afterAll(() => cluster.purge());

const text = (...path: string[]): string => readFileSync(join(cluster.dir, ...path), 'utf8');

/** The same certificate, with a key of its own, as it would be had it been issued 400 days ago, for a year. */
async function older(pem: string): Promise<KeyPair> {
  const { commonName, organizations, dnsNames, ipAddresses, extendedUsages } = inspectCertificate(pem);
  const usages = (Object.keys(extendedUsageOids) as ExtendedUsage[]).filter((usage) =>
    extendedUsages.includes(extendedUsageOids[usage]),
  );
  const notBeforeMs = realClock.now() - 400 * dayMs;
  const subject = { commonName, organizations, hosts: [...dnsNames, ...ipAddresses] };
  const ca = { cert: text('pki/ca.crt'), key: text('pki/ca.key') };
  return issueCertificate(ca, { ...subject, usages, notBeforeMs, notAfterMs: notBeforeMs + 365 * dayMs });
}

it('a cluster that slept for 400 days comes back, although every certificate has run out', async () => {
  await cluster.up('--no-demo');
  const { address } = await runWeb(cluster);
  const uidsOf = async () =>
    (await cluster.object<{ items: Pod[] }>('pods')).items.map(({ metadata }) => metadata.uid).sort();
  const uids = await uidsOf();
  await cluster.ok('down');
  for (const name of ['apiserver', 'admin', 'apiserver-kubelet-client']) {
    const { cert, key } = await older(text('pki', `${name}.crt`));
    writeFileSync(join(cluster.dir, 'pki', `${name}.crt`), cert);
    writeFileSync(join(cluster.dir, 'pki', `${name}.key`), key);
  }
  for (const name of ['kubelet-client', 'kubelet-serving']) {
    const { cert, key } = await older(text('nodes/node1/pki', `${name}.pem`));
    writeFileSync(join(cluster.dir, 'nodes/node1/pki', `${name}.pem`), cert + key);
  }
  const asleep = await cluster.status();
  const expired = asleep.certificates.filter(({ state }) => state === 'expired').map(({ name }) => name);
  expect(expired.sort()).toEqual([
    'admin',
    'apiserver',
    'apiserver-kubelet-client',
    'node1 kubelet-client',
    'node1 kubelet-serving',
  ]);
  expect(asleep.problems).toContain('certificate admin has expired');

  await cluster.up('--no-demo');
  const awake = await cluster.status();
  expect(awake).toMatchObject({ healthy: true, problems: [] });
  for (const { name, daysLeft, state } of awake.certificates) {
    expect(state, name).toBe('valid');
    expect(daysLeft, name).toBeGreaterThan(300);
  }
  await expect.poll(() => fetchText(address).catch(String), { timeout: 60_000 }).toMatch(/^web-/);
  expect(await uidsOf()).toEqual(uids);
  // Through the node's own server, and with the context in the user's kubeconfig.
  const context = ['--kubeconfig', join(cluster.userHome, '.kube/config'), '--context', 'knarr-lc-slept'];
  const logs = () => cluster.run('kubectl', ...context, 'logs', 'deployment/web');
  await expect.poll(async () => (await logs()).code, { timeout: 60_000 }).toBe(0);
});
