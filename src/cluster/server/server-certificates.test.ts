import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { silentLog } from '../../base/log.ts';
import { VirtualClock } from '../../base/virtual-clock.ts';
import { inspectCertificate } from '../../pki/certificate.ts';
import type { ClusterPki } from '../../pki/cluster-pki.ts';
import { addContext } from '../kubeconfig/cluster-contexts.ts';
import { type ClusterLayout, layoutOf } from '../layout.ts';
import { keepCertificatesValid, serverPki, writeKubeconfig } from './server-certificates.ts';

const dayMs = 86_400_000;
/** Six keys are made: a loaded machine takes its time. */
const patience = { timeout: 15_000 };
let dir: string;
let layout: ClusterLayout;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'knarr-renewal-'));
  layout = layoutOf({ name: 'knarr', index: 0, home: dir });
});
afterEach(() => rmSync(dir, { recursive: true }));

const endOf = (pem: string): number => inspectCertificate(pem).notAfterMs;
const userCert = (file: string): string =>
  Buffer.from(parse(readFileSync(file, 'utf8')).users[0].user['client-certificate-data'], 'base64').toString();

describe('the certificates of a running server', () => {
  async function running() {
    const clock = new VirtualClock();
    const pki = await serverPki(layout, clock);
    await writeKubeconfig(layout, pki);
    const renewed: ClusterPki[] = [];
    const errors: object[] = [];
    const log = { ...silentLog, error: (fields: object) => void errors.push(fields) };
    const stop = keepCertificatesValid({ clock, log, onRenewed: (next) => void renewed.push(next) }, layout, pki);
    return { clock, pki, renewed, errors, stop };
  }

  it('are renewed when the clock is turned 400 days, and with them every kubeconfig', async () => {
    const { clock, pki, renewed, stop } = await running();
    const config = join(dir, 'user-config');
    await addContext(layout, config, { clock });
    await clock.advance(10 * 60_000);
    expect(renewed).toEqual([]);
    clock.reset(clock.now() + 400 * dayMs);
    await clock.advance(60_000);
    await expect.poll(() => renewed.length, patience).toBe(1);
    const [next] = renewed as [ClusterPki];
    for (const name of ['apiserver', 'admin', 'kubeletClient'] as const) {
      expect(endOf(pki[name].cert), name).toBeLessThan(clock.now());
      expect(endOf(next[name].cert), name).toBeGreaterThan(clock.now() + 300 * dayMs);
    }
    expect(next.ca).toEqual(pki.ca);
    expect(next.serviceAccount).toEqual(pki.serviceAccount);
    await expect.poll(() => userCert(layout.kubeconfig)).toBe(next.admin.cert);
    await expect.poll(() => userCert(config)).toBe(next.admin.cert);
    await clock.advance(10 * 60_000);
    expect(renewed).toHaveLength(1);
    await stop();
    expect(clock.nextDue()).toBeUndefined();
  });

  it('are tried again after a failure, which is told', async () => {
    const { clock, renewed, errors, stop } = await running();
    const key = readFileSync(join(layout.pkiDir, 'ca.key'));
    rmSync(join(layout.pkiDir, 'ca.key'));
    clock.reset(clock.now() + 300 * dayMs);
    await clock.advance(60_000);
    await expect.poll(() => errors.length, patience).toBe(1);
    writeFileSync(join(layout.pkiDir, 'ca.key'), key);
    await clock.advance(60_000);
    await expect.poll(() => renewed.length, patience).toBe(1);
    await stop();
  });
});
