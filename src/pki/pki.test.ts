import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { seededRng } from '../base/rng.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import { caHash, expiresSoon, inspectCertificate, isSignedBy, pinnedCertificate } from './certificate.ts';
import { createCertificateRequest, parseCertificateRequest, signCertificateRequest } from './certificate-request.ts';
import { ensureClusterPki } from './cluster-pki.ts';
import { createAuthority } from './issue.ts';
import { generateJoinToken, joinTokenSecret, joinTokenText, parseJoinToken } from './join-token.ts';
import { generateKeyPem } from './key.ts';
import { renderKubeconfig } from './kubeconfig.ts';

const dayMs = 86_400_000;
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'knarr-pki-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const openssl = (...args: string[]): string => execFileSync('openssl', args, { encoding: 'utf8', stdio: 'pipe' });
const hasOpenssl = (() => {
  try {
    return openssl('version').length > 0;
  } catch {
    return false;
  }
})();

describe('ensureClusterPki', () => {
  it('makes certificates that name what Kubernetes expects', async () => {
    const clock = new VirtualClock();
    const pki = await ensureClusterPki(dir, {
      clock,
      names: ['host.example'],
      addresses: ['172.30.0.254', 'fd00::0:1'],
    });
    const server = inspectCertificate(pki.apiserver.cert);
    expect(server.dnsNames).toEqual([
      'kubernetes',
      'kubernetes.default',
      'kubernetes.default.svc',
      'kubernetes.default.svc.cluster.local',
      'localhost',
      'host.example',
    ]);
    expect(server.ipAddresses).toEqual(['127.0.0.1', '10.96.0.1', '172.30.0.254', 'fd00::1']);
    expect(inspectCertificate(pki.admin.cert)).toMatchObject({
      commonName: 'kubernetes-admin',
      organizations: ['system:masters'],
      extendedUsages: ['1.3.6.1.5.5.7.3.2'],
      isCa: false,
    });
    expect(inspectCertificate(pki.ca.cert).isCa).toBe(true);
    for (const key of ['ca.key', 'apiserver.key', 'admin.key', 'apiserver-kubelet-client.key', 'sa.key']) {
      expect(statSync(join(dir, key)).mode & 0o777).toBe(0o600);
    }
  });

  it('only reads a folder that is complete and valid', async () => {
    const clock = new VirtualClock();
    const first = await ensureClusterPki(dir, { clock });
    const second = await ensureClusterPki(dir, { clock });
    expect(second).toEqual(first);
  });

  it('renews leaves near their end and for a missing address, never the CA', async () => {
    const clock = new VirtualClock();
    const first = await ensureClusterPki(dir, { clock });
    await clock.advance(300 * dayMs);
    expect(expiresSoon(first.apiserver.cert, clock)).toBe(true);
    const later = await ensureClusterPki(dir, { clock });
    expect(later.ca).toEqual(first.ca);
    expect(later.serviceAccount).toEqual(first.serviceAccount);
    expect(later.admin.cert).not.toBe(first.admin.cert);
    const moved = await ensureClusterPki(dir, { clock, addresses: ['10.9.9.9'] });
    expect(moved.admin).toEqual(later.admin);
    expect(inspectCertificate(moved.apiserver.cert).ipAddresses).toContain('10.9.9.9');
  });

  it('repairs a leaf whose key and certificate do not fit, refuses a CA without its key', async () => {
    const clock = new VirtualClock();
    const first = await ensureClusterPki(dir, { clock });
    writeFileSync(join(dir, 'admin.key'), generateKeyPem());
    const repaired = await ensureClusterPki(dir, { clock });
    expect(new X509Certificate(repaired.admin.cert).verify(new X509Certificate(first.ca.cert).publicKey)).toBe(true);
    rmSync(join(dir, 'ca.key'));
    await expect(ensureClusterPki(dir, { clock })).rejects.toThrow('is not the key of ca.crt');
  });

  it.runIf(hasOpenssl)('is accepted by openssl verify', async () => {
    // openssl looks at the machine's clock.
    const clock = new VirtualClock(statSync(dir).mtimeMs);
    await ensureClusterPki(dir, { clock });
    const ca = join(dir, 'ca.crt');
    expect(
      openssl('verify', '-x509_strict', '-CAfile', ca, '-purpose', 'sslserver', join(dir, 'apiserver.crt')),
    ).toContain('OK');
    expect(openssl('verify', '-x509_strict', '-CAfile', ca, '-purpose', 'sslclient', join(dir, 'admin.crt'))).toContain(
      'OK',
    );
    expect(() => openssl('verify', '-CAfile', ca, '-purpose', 'sslserver', join(dir, 'admin.crt'))).toThrow();
  });
});

describe('certificate requests', () => {
  const validity = { notBeforeMs: Date.UTC(2026, 0, 1), notAfterMs: Date.UTC(2027, 0, 1) };

  it('are created, read and signed with the usages asked for', async () => {
    const ca = await createAuthority('kubernetes', validity);
    const subject = {
      commonName: 'system:node:n1',
      organizations: ['system:nodes'],
      hosts: ['n1', '172.30.0.11', 'fd00::5'],
    };
    const pem = await createCertificateRequest(generateKeyPem(), subject);
    expect(await parseCertificateRequest(pem)).toEqual({
      commonName: 'system:node:n1',
      organizations: ['system:nodes'],
      dnsNames: ['n1'],
      ipAddresses: ['172.30.0.11', 'fd00::5'],
      emailAddresses: [],
      uris: [],
    });
    const cert = await signCertificateRequest(ca, { pem, usages: ['digital signature', 'server auth'], ...validity });
    expect(isSignedBy(new X509Certificate(cert), new X509Certificate(ca.cert))).toBe(true);
    expect(inspectCertificate(cert)).toMatchObject({ commonName: 'system:node:n1', dnsNames: ['n1'], isCa: false });
    expect(inspectCertificate(cert).extendedUsages).toEqual(['1.3.6.1.5.5.7.3.1']);
  });

  it('that were changed after signing are refused', async () => {
    const pem = await createCertificateRequest(generateKeyPem(), { commonName: 'system:node:n1' });
    const der = Buffer.from(pem.replace(/-----[^-]*-----|\s/g, ''), 'base64');
    const at = der.indexOf('system:node:n1');
    der.write('system:node:n2', at);
    const forged = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
    await expect(parseCertificateRequest(forged)).rejects.toThrow('invalid signature');
  });

  it.runIf(hasOpenssl)('made by openssl are read', async () => {
    const [key, csr] = [join(dir, 'k.pem'), join(dir, 'k.csr')];
    writeFileSync(key, generateKeyPem());
    openssl(
      'req',
      '-new',
      '-key',
      key,
      '-subj',
      '/O=a/O=system:masters/CN=jane',
      '-addext',
      'subjectAltName=DNS:x.y',
      '-out',
      csr,
    );
    expect(await parseCertificateRequest(readFileSync(csr, 'utf8'))).toMatchObject({
      commonName: 'jane',
      organizations: ['a', 'system:masters'],
      dnsNames: ['x.y'],
    });
  });
});

describe('join tokens and pins', () => {
  it('round-trip and become a Secret', () => {
    const token = generateJoinToken(seededRng(7));
    expect(parseJoinToken(joinTokenText(token))).toEqual(token);
    expect(parseJoinToken('ABCDEF.0123456789abcdef')).toBeUndefined();
    const secret = joinTokenSecret(token, { expiresAtMs: Date.UTC(2026, 5, 1) });
    expect(secret.metadata.name).toBe(`bootstrap-token-${token.id}`);
    expect(Buffer.from(secret.data?.expiration ?? '', 'base64').toString()).toBe('2026-06-01T00:00:00Z');
  });

  it('pin one CA of a bundle', async () => {
    const validity = { notBeforeMs: 0, notAfterMs: dayMs };
    const [a, b] = [await createAuthority('a', validity), await createAuthority('b', validity)];
    expect(pinnedCertificate(a.cert + b.cert, caHash(b.cert))).toBe(b.cert);
    expect(pinnedCertificate(a.cert, caHash(b.cert))).toBeUndefined();
  });
});

it('renders a kubeconfig that a YAML reader gets back', () => {
  const text = renderKubeconfig({
    clusterName: 'knarr',
    server: 'https://127.0.0.1:6443',
    caPem: 'CA',
    userName: 'kubernetes-admin',
    credential: { cert: 'CERT', key: 'KEY' },
  });
  const config = parse(text);
  expect(config['current-context']).toBe('knarr');
  expect(Buffer.from(config.users[0].user['client-key-data'], 'base64').toString()).toBe('KEY');
  expect(config.clusters[0].cluster.server).toBe('https://127.0.0.1:6443');
});
