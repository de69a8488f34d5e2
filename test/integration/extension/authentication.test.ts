import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jwtOfFlags } from '../../../src/apiserver/authn/authentication-config.ts';
import { JwtAuthenticator } from '../../../src/apiserver/authn/jwt.ts';
import { TokenFileAuthenticator } from '../../../src/apiserver/authn/token-file.ts';
import { WebhookTokenAuthenticator } from '../../../src/apiserver/authn/token-webhook.ts';
import { parseWebhookServer } from '../../../src/apiserver/webhook/kubeconfig.ts';
import { realClock } from '../../../src/base/clock.ts';
import { silentLog } from '../../../src/base/log.ts';
import { createAuthority, issueCertificate } from '../../../src/pki/issue.ts';
import { MemoryJournal } from '../../../src/store/memory-journal.ts';
import { ApiProcess } from './api-process.ts';

type PrivateKey = Awaited<ReturnType<typeof generateKeyPair>>['privateKey'];

/** An OpenID Connect issuer, and a webhook for tokens, behind one HTTPS server. */
class Issuer {
  readonly keys: JWK[] = [];
  readonly asked: string[] = [];
  #signing: { kid: string; key: PrivateKey } | undefined;
  readonly #server: Server;
  readonly ca: string;

  static async start(): Promise<Issuer> {
    const dates = { notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + 3_600_000 };
    const ca = await createAuthority('issuer-ca', dates);
    const own = await issueCertificate(ca, {
      commonName: 'issuer',
      hosts: ['127.0.0.1'],
      usages: ['server auth'],
      ...dates,
    });
    const issuer = new Issuer(own, ca.cert);
    await new Promise<void>((resolve) => issuer.#server.listen(0, '127.0.0.1', resolve));
    await issuer.rotate('first');
    return issuer;
  }

  private constructor(own: { cert: string; key: string }, ca: string) {
    this.ca = ca;
    this.#server = createServer(own, (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const path = request.url ?? '';
        this.asked.push(path);
        const documents: Record<string, () => object> = {
          '/.well-known/openid-configuration': () => ({ issuer: this.url, jwks_uri: `${this.url}/keys` }),
          '/keys': () => ({ keys: this.keys }),
          '/review': () => {
            const { spec } = JSON.parse(Buffer.concat(chunks).toString());
            const user = { username: 'hooked', groups: ['from-hook'] };
            return {
              status: spec.token === 'known-to-hook' ? { authenticated: true, user } : { authenticated: false },
            };
          },
        };
        const document = documents[path]?.();
        response.writeHead(document ? 200 : 404, { 'content-type': 'application/json' });
        response.end(JSON.stringify(document ?? {}));
      });
    });
  }

  get url(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Signs with a new key from now on; the old ones stay known. */
  async rotate(kid: string): Promise<void> {
    const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
    this.keys.push({ ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' });
    this.#signing = { kid, key: privateKey };
  }

  token(claims: Record<string, unknown> = {}, aud = 'knarr'): Promise<string> {
    const { kid, key } = this.#signing as { kid: string; key: PrivateKey };
    const now = Math.floor(Date.now() / 1000);
    return new SignJWT({ iss: this.url, aud, sub: 'olav', iat: now, exp: now + 600, ...claims })
      .setProtectedHeader({ alg: 'ES256', kid })
      .sign(key);
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}

describe('who is believed', () => {
  let issuer: Issuer;
  let server: ApiProcess;
  const clock = { ...realClock, skippedMs: 0, now: () => realClock.now() + clock.skippedMs };

  const whoami = async (token: string): Promise<unknown> => {
    const { status, body } = await server.anonymously('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {
      body: { kind: 'SelfSubjectReview', apiVersion: 'authentication.k8s.io/v1' },
      headers: { authorization: `Bearer ${token}` },
    });
    return status === 201 ? body.status.userInfo : status;
  };

  beforeAll(async () => {
    issuer = await Issuer.start();
    const jwt = jwtOfFlags(
      { oidcIssuerUrl: issuer.url, oidcClientId: 'knarr', oidcUsernamePrefix: 'oidc:', oidcGroupsClaim: 'groups' },
      issuer.ca,
    );
    const cluster = {
      server: `${issuer.url}/review`,
      'certificate-authority-data': Buffer.from(issuer.ca).toString('base64'),
    };
    const hook = parseWebhookServer(
      JSON.stringify({ clusters: [{ name: 'a', cluster }], contexts: [{ name: 'c', context: { cluster: 'a' } }] }),
      () => '',
    );
    server = await ApiProcess.start(new MemoryJournal(), {
      authentication: {
        before: [new TokenFileAuthenticator('from-a-file,ingrid,9,"crew"')],
        after: [
          new JwtAuthenticator(jwt as NonNullable<typeof jwt>, clock),
          new WebhookTokenAuthenticator({ clock, log: silentLog }, hook),
        ],
        anonymous: { enabled: true, conditions: [{ path: '/livez' }] },
      },
    });
  });
  afterAll(async () => {
    await server.close();
    await issuer.close();
  });

  it('a token of a file', async () => {
    expect(await whoami('from-a-file')).toEqual({
      username: 'ingrid',
      uid: '9',
      groups: ['crew', 'system:authenticated'],
    });
    expect(await whoami('from-another-file')).toBe(401);
  });

  it('a token of an issuer, whose keys are asked for once', async () => {
    issuer.asked.length = 0;
    const token = await issuer.token({ groups: ['deck'] });
    expect(await whoami(token)).toEqual({ username: 'oidc:olav', groups: ['deck', 'system:authenticated'] });
    expect(await whoami(await issuer.token({ sub: 'harald' }))).toMatchObject({ username: 'oidc:harald' });
    expect(issuer.asked.filter((path) => path !== '/review')).toEqual(['/.well-known/openid-configuration', '/keys']);
  });

  it.each<[string, () => Promise<string>]>([
    ['for somebody else', () => issuer.token({}, 'other')],
    ['that has run out', () => issuer.token({ exp: 1000 })],
    ['that does not run out', () => issuer.token({ exp: undefined })],
    ['of another issuer', () => issuer.token({ iss: 'https://elsewhere.test' })],
    ['that was changed', async () => (await issuer.token()).replace(/[^.](?=[^.]*$)/, (c) => (c === 'A' ? 'B' : 'A'))],
  ])('no token %s', async (_, make) => {
    expect(await whoami(await make())).toBe(401);
  });

  it('a token under a new key, once the issuer may be asked again', async () => {
    await issuer.rotate('second');
    const token = await issuer.token();
    expect(await whoami(token)).toBe(401);
    clock.skippedMs += 11_000;
    expect(await whoami(token)).toMatchObject({ username: 'oidc:olav' });
  });

  it('a token that a webhook knows, which is asked once', async () => {
    issuer.asked.length = 0;
    const user = { username: 'hooked', groups: ['from-hook', 'system:authenticated'] };
    expect(await whoami('known-to-hook')).toEqual(user);
    expect(await whoami('known-to-hook')).toEqual(user);
    expect(issuer.asked).toEqual(['/review']);
  });

  it('nobody, save where that is allowed', async () => {
    expect((await server.anonymously('GET', '/livez')).status).toBe(200);
    expect((await server.anonymously('GET', '/readyz')).status).toBe(401);
    expect((await server.anonymously('GET', '/api')).status).toBe(401);
  });

  it('its own tokens, whose keys it publishes', async () => {
    const config = (await server.get('/.well-known/openid-configuration')).body;
    expect(config).toEqual({
      issuer: 'https://kubernetes.default.svc.cluster.local',
      jwks_uri: 'https://kubernetes.default.svc.cluster.local/openid/v1/jwks',
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['ES256'],
    });
    const { createLocalJWKSet, jwtVerify } = await import('jose');
    const keys = createLocalJWKSet((await server.get('/openid/v1/jwks')).body);
    await server.post('/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'boat' } });
    const asked = await server.post('/api/v1/namespaces/default/serviceaccounts/boat/token', {
      spec: { audiences: ['elsewhere'] },
    });
    const { payload } = await jwtVerify(asked.body.status.token, keys, {
      issuer: config.issuer,
      audience: 'elsewhere',
    });
    expect(payload.sub).toBe('system:serviceaccount:default:boat');
  });
});
