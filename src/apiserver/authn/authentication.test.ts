import { X509Certificate } from 'node:crypto';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { nodes, pods, secrets, serviceaccounts } from '../../api/generated/resources.ts';
import type { TokenRequest } from '../../api/generated/types.ts';
import { seededRng } from '../../base/rng.ts';
import { VirtualClock } from '../../base/virtual-clock.ts';
import { userIdOid } from '../../pki/certificate.ts';
import { createAuthority, issueCertificate, type KeyPair, sign } from '../../pki/issue.ts';
import { joinTokenSecret } from '../../pki/join-token.ts';
import { generateKeyPem, webCryptoKeys } from '../../pki/key.ts';
import { loadX509 } from '../../pki/x509.ts';
import { FakeObjectReader } from '../object-reader.fake.ts';
import { Authentication } from './authentication.ts';
import { bearerCredential, type TokenAuthenticator } from './authenticator.ts';
import { TokenIssuer } from './token-issuer.ts';
import { createToken } from './token-request.ts';

const startMs = Date.UTC(2026, 0, 1);
const validity = { notBeforeMs: startMs - 1000, notAfterMs: startMs + 3_600_000 };
let ca: KeyPair;
let clock: VirtualClock;
let read: FakeObjectReader;
let issuer: TokenIssuer;
let authentication: Authentication;

beforeAll(async () => {
  ca = await createAuthority('kubernetes', { ...validity, notAfterMs: startMs + 9e9 });
});
beforeEach(() => {
  clock = new VirtualClock(startMs);
  read = new FakeObjectReader();
  issuer = new TokenIssuer({ privateKeyPem: generateKeyPem(), clock, rng: seededRng(1) });
  authentication = new Authentication({ caPem: ca.cert, issuer, read, clock });
});

describe('client certificates', () => {
  const issue = async (authority: KeyPair, usage: 'client auth' | 'server auth' = 'client auth') => {
    const subject = { commonName: 'jane', organizations: ['dev', 'ops'], usages: [usage] };
    return new X509Certificate((await issueCertificate(authority, { ...subject, ...validity })).cert);
  };

  it('name user and groups', async () => {
    const user = await authentication.authenticate({ peerCertificate: await issue(ca) });
    expect(user).toMatchObject({ name: 'jane', groups: ['dev', 'ops', 'system:authenticated'] });
    expect(user?.extra?.['authentication.kubernetes.io/credential-id']?.[0]).toMatch(/^X509SHA256=[0-9a-f]{64}$/);
  });

  /** Of `jane`, with an attribute for each UID; `#` begins one that is given as it is encoded. */
  const withIds = async (...ids: string[]) => {
    const x509 = await loadX509();
    const { publicKey } = await webCryptoKeys(generateKeyPem());
    const subject = new x509.Name([{ CN: ['jane'] }, ...ids.map((id) => ({ [userIdOid]: [id] }))]);
    const usages = { keyUsages: x509.KeyUsageFlags.digitalSignature, extendedUsages: ['client auth' as const] };
    return new X509Certificate(await sign(ca, { subject, publicKey, ...usages, extensions: [], ...validity }));
  };

  it('name the UID, if there is one', async () => {
    const uidOf = async (...ids: string[]) => {
      const user = await authentication.authenticate({ peerCertificate: await withIds(...ids) });
      return user && [user.name, user.uid];
    };
    expect(await uidOf()).toEqual(['jane', undefined]);
    expect(await uidOf('1042')).toEqual(['jane', '1042']);
    expect([await uidOf('1', '2'), await uidOf(''), await uidOf('#3000')]).toEqual([undefined, undefined, undefined]);
    const issued = await issueCertificate(ca, {
      commonName: 'joe',
      userId: 'u-7',
      usages: ['client auth'],
      ...validity,
    });
    const user = await authentication.authenticate({ peerCertificate: new X509Certificate(issued.cert) });
    expect(user).toMatchObject({ name: 'joe', uid: 'u-7' });
  });

  it('of another authority, of another usage or out of date are refused', async () => {
    const impostor = await createAuthority('kubernetes', validity);
    expect(await authentication.authenticate({ peerCertificate: await issue(impostor) })).toBeUndefined();
    expect(await authentication.authenticate({ peerCertificate: await issue(ca, 'server auth') })).toBeUndefined();
    const peerCertificate = await issue(ca);
    expect(await authentication.authenticate({ peerCertificate })).toBeDefined();
    await clock.advance(3_700_000);
    expect(await authentication.authenticate({ peerCertificate })).toBeUndefined();
  });
});

it('who else is believed can change while requests come', async () => {
  const named = (name: string): TokenAuthenticator => ({
    name,
    authenticateToken: (token) => (token === name ? { user: { name, groups: [] } } : undefined),
  });
  const nameOf = async (token: string) => (await authentication.authenticateToken(token))?.user.name;
  authentication.configure({ before: [named('a')] });
  expect([await nameOf('a'), await nameOf('b')]).toEqual(['a', undefined]);
  authentication.configure({ after: [named('b')], anonymous: { enabled: false } });
  expect([await nameOf('a'), await nameOf('b')]).toEqual([undefined, 'b']);
  expect(await authentication.authenticate({})).toBeUndefined();
});

describe('no credential and wrong ones', () => {
  it('are anonymous and refused', async () => {
    expect(await authentication.authenticate({})).toEqual({
      name: 'system:anonymous',
      groups: ['system:unauthenticated'],
    });
    expect(await authentication.authenticate({ bearer: bearerCredential('Basic x') })).toMatchObject({
      name: 'system:anonymous',
    });
    expect(await authentication.authenticate({ bearer: bearerCredential('Bearer nope') })).toBeUndefined();
    const closed = new Authentication({ caPem: ca.cert, issuer, read, clock }, { anonymous: { enabled: false } });
    expect(await closed.authenticate({})).toBeUndefined();
  });
});

it('who shows no credential may come to the paths that are open alone, who shows one to all', async () => {
  authentication.configure({ anonymous: { enabled: true, conditions: [{ path: '/livez' }] } });
  const nameAt = async (path: string, bearer?: string) => {
    const shown = bearer ? { bearer: bearerCredential(bearer) } : {};
    return (await authentication.authenticate({ path, ...shown }))?.name;
  };
  expect(await nameAt('/livez')).toBe('system:anonymous');
  expect([await nameAt('/livez/ping'), await nameAt('/api'), await nameAt('/')]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  expect(await nameAt('/livez', 'Bearer nope')).toBeUndefined();
});

describe('service account tokens', () => {
  const account = { namespace: 'apps', name: 'web' };
  const request = (spec: object): TokenRequest => ({ metadata: { name: '' }, spec, status: {} });
  const bearer = (token: string | undefined) =>
    authentication.authenticate({ bearer: bearerCredential(`Bearer ${token}`) });
  const ask = async (spec: object = {}) =>
    (await createToken({ issuer, read, clock }, account, request(spec))).status.token;
  beforeEach(() => {
    read.put(serviceaccounts, { metadata: { ...account, uid: 'sa-1' } });
    read.put(pods, {
      metadata: { namespace: 'apps', name: 'p', uid: 'pod-1' },
      spec: { serviceAccountName: 'web', nodeName: 'n1' },
    });
    read.put(nodes, { metadata: { name: 'n1', uid: 'node-1' } });
  });

  it('carry the pod they are bound to and end with it', async () => {
    const token = await ask({ boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'p', uid: 'pod-1' } });
    const user = await bearer(token);
    expect(user).toMatchObject({
      name: 'system:serviceaccount:apps:web',
      uid: 'sa-1',
      groups: ['system:serviceaccounts', 'system:serviceaccounts:apps', 'system:authenticated'],
      extra: {
        'authentication.kubernetes.io/pod-name': ['p'],
        'authentication.kubernetes.io/pod-uid': ['pod-1'],
        'authentication.kubernetes.io/node-name': ['n1'],
        'authentication.kubernetes.io/node-uid': ['node-1'],
      },
    });
    read.remove(pods, 'apps', 'p');
    expect(await bearer(token)).toBeUndefined();
  });

  it('end with their account, also when it comes back with another uid', async () => {
    const token = await ask();
    expect(await bearer(token)).toBeDefined();
    read.put(serviceaccounts, { metadata: { ...account, uid: 'sa-2' } });
    expect(await bearer(token)).toBeUndefined();
  });

  it('end with their time, for a remembered token too', async () => {
    const token = await ask({ expirationSeconds: 600 });
    expect(await bearer(token)).toBeDefined();
    await clock.advance(599_000);
    expect(await bearer(token)).toBeDefined();
    await clock.advance(2_000);
    expect(await bearer(token)).toBeUndefined();
  });

  it('for another audience or of another key are refused', async () => {
    expect(await bearer(await ask({ audiences: ['vault'] }))).toBeUndefined();
    const other = new TokenIssuer({ privateKeyPem: generateKeyPem(), clock, rng: seededRng(1) });
    const forged = await createToken({ issuer: other, read, clock }, account, request({}));
    expect(await bearer(forged.status.token)).toBeUndefined();
    const token = (await ask()) ?? '';
    const [head, , signature] = token.split('.');
    const payload = Buffer.from(JSON.stringify({ sub: 'system:serviceaccount:apps:admin' })).toString('base64url');
    expect(await bearer(`${head}.${payload}.${signature}`)).toBeUndefined();
  });

  it('are verifiable with the published key set', async () => {
    const { createLocalJWKSet, jwtVerify } = await import('jose');
    const keys = createLocalJWKSet(issuer.jwks() as never);
    const { payload } = await jwtVerify((await ask()) ?? '', keys, { currentDate: new Date(startMs) });
    expect(payload).toMatchObject({
      iss: 'https://kubernetes.default.svc.cluster.local',
      sub: 'system:serviceaccount:apps:web',
      exp: startMs / 1000 + 3600,
      'kubernetes.io': { namespace: 'apps', serviceaccount: { name: 'web', uid: 'sa-1' } },
    });
  });

  it('of the usual pod volume live a year, and say so only in the token', async () => {
    const spec = { expirationSeconds: 3607, boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'p' } };
    const answer = await createToken({ issuer, read, clock }, account, request(spec));
    expect(answer.status.expirationTimestamp).toBe('2026-01-01T01:00:07Z');
    const claims = await issuer.verify(answer.status.token ?? '');
    expect(claims?.exp).toBe(startMs / 1000 + 365 * 24 * 3600);
    expect(claims?.['kubernetes.io'].warnafter).toBe(startMs / 1000 + 3607);
  });

  it('are refused in the API words', async () => {
    const message = async (spec: object, name = 'web') =>
      createToken({ issuer, read, clock }, { namespace: 'apps', name }, request(spec)).catch((e: Error) => e.message);
    expect(await message({ expirationSeconds: 5 })).toBe(
      'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 5: may not specify a duration less than 10 minutes',
    );
    expect(await message({}, 'no')).toBe('serviceaccounts "no" not found');
    expect(await message({ boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'no' } })).toBe(
      'pods "no" not found',
    );
    expect(await message({ boundObjectRef: { kind: 'Job', apiVersion: 'batch/v1', name: 'j' } })).toBe(
      'cannot bind token to object of type batch/v1, Kind=Job',
    );
    expect(await message({ boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'p', uid: 'old' } })).toContain(
      'the UID in the bound object reference (old) does not match the UID in record',
    );
  });
});

describe('join tokens', () => {
  const token = { id: 'abcdef', secret: '0123456789abcdef' };
  const bearer = (text: string) => authentication.authenticate({ bearer: bearerCredential(`Bearer ${text}`) });

  it('let in as long as their Secret says', async () => {
    read.put(secrets, joinTokenSecret(token, { expiresAtMs: startMs + 60_000 }));
    expect(await bearer('abcdef.0123456789abcdef')).toEqual({
      name: 'system:bootstrap:abcdef',
      groups: ['system:bootstrappers', 'system:bootstrappers:kubeadm:default-node-token', 'system:authenticated'],
    });
    expect(await bearer('abcdef.0123456789abcdeX')).toBeUndefined();
    expect(await bearer('abcdef.0123456789abcdee')).toBeUndefined();
    await clock.advance(61_000);
    expect(await bearer('abcdef.0123456789abcdef')).toBeUndefined();
  });

  it('may not grant other groups', async () => {
    const secret = joinTokenSecret(token);
    const data = { ...secret.data, 'auth-extra-groups': Buffer.from('system:masters').toString('base64') };
    read.put(secrets, { ...secret, data });
    expect(await bearer('abcdef.0123456789abcdef')).toBeUndefined();
  });
});
