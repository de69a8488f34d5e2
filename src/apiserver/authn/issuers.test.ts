import { describe, expect, it } from 'vitest';
import { type JwtConfig, jwtOfFlags, parseAuthenticationConfig } from './authentication-config.ts';
import { ClaimMapping, RefusedClaims } from './claim-mapping.ts';
import { TokenFileAuthenticator } from './token-file.ts';

const issuer = { url: 'https://issuer.test', audiences: ['knarr'] };
const userOf = (config: Partial<JwtConfig>, claims: Record<string, unknown>) =>
  new ClaimMapping({ issuer, claimMappings: { username: { claim: 'sub', prefix: '' } }, ...config }).userOf(claims);
const claims = {
  sub: 'olav',
  groups: ['a', 'b'],
  roles: 'x,y',
  email: 'o@test',
  email_verified: true,
  tenant: { id: 't1' },
};

describe('claims', () => {
  it('become a user by their names, with prefixes', () => {
    const claimMappings = {
      username: { claim: 'sub', prefix: 'oidc:' },
      groups: { claim: 'groups', prefix: 'g:' },
      uid: { claim: 'sub' },
    };
    expect(userOf({ claimMappings }, claims)).toEqual({ name: 'oidc:olav', groups: ['g:a', 'g:b'], uid: 'olav' });
    expect(userOf({ claimMappings }, { sub: 'olav', groups: 'one' }).groups).toEqual(['g:one']);
    expect(userOf({ claimMappings }, { sub: 'olav' }).groups).toEqual([]);
  });

  it('become a user by expressions', () => {
    const claimMappings = {
      username: { expression: 'claims.tenant.id + ":" + claims.sub' },
      groups: { expression: 'claims.roles.split(",")' },
      extra: [
        { key: 'test.io/tenant', valueExpression: 'claims.tenant.id' },
        { key: 'test.io/none', valueExpression: '""' },
      ],
    };
    expect(userOf({ claimMappings }, claims)).toEqual({
      name: 't1:olav',
      groups: ['x', 'y'],
      extra: { 'test.io/tenant': ['t1'] },
    });
  });

  it.each<[string, Partial<JwtConfig>, Record<string, unknown>]>([
    ['without a name', {}, {}],
    ['with an empty name', {}, { sub: '' }],
    ['with a name that is no text', {}, { sub: 7 }],
    [
      'with groups that are no texts',
      { claimMappings: { username: { claim: 'sub' }, groups: { claim: 'n' } } },
      { sub: 'a', n: [1] },
    ],
    [
      'with an address that is not verified',
      { claimMappings: { username: { claim: 'email' } } },
      { email: 'a@b', email_verified: false },
    ],
    [
      'without a required value',
      { claimValidationRules: [{ claim: 'hd', requiredValue: 'x' }] },
      { sub: 'a', hd: 'y' },
    ],
    [
      'for which an expression is false',
      { claimValidationRules: [{ expression: 'claims.exp - claims.nbf <= 10' }] },
      { sub: 'a', exp: 20, nbf: 0 },
    ],
    [
      'that make somebody who may not be',
      { userValidationRules: [{ expression: "!user.username.startsWith('system:')" }] },
      { sub: 'system:admin' },
    ],
  ])('%s are refused', (_, config, given) => {
    expect(() => userOf(config, given)).toThrow(RefusedClaims);
  });
});

describe('a configuration', () => {
  const text = (jwt: object[], more: object = {}) =>
    JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthenticationConfiguration', jwt, ...more });
  const jwt = (more: object = {}) => ({ issuer, claimMappings: { username: { claim: 'sub', prefix: '' } }, ...more });

  it('is read', () => {
    const anonymous = { enabled: true, conditions: [{ path: '/livez' }] };
    expect(parseAuthenticationConfig(text([jwt()], { anonymous }))).toEqual({ jwt: [jwt()], anonymous });
  });

  it.each([
    ['{}', 'it is no AuthenticationConfiguration'],
    [
      text([jwt({ issuer: { url: 'http://a', audiences: ['b'] } })]),
      'jwt[0].issuer.url: Invalid value: "http://a": URL scheme must be https',
    ],
    [text([jwt({ issuer: { url: 'https://a' } })]), 'at least one jwt.issuer.audiences is required'],
    [text([jwt(), jwt()]), 'jwt: Duplicate value: "https://issuer.test"'],
    [
      text([], { anonymous: { enabled: false, conditions: [{ path: '/livez' }] } }),
      'anonymous.conditions: Invalid value: [{"Path":"/livez"}]: enabled should be set to true when conditions are defined',
    ],
    [text([], { anonymous: { enabled: 'yes' } }), 'anonymous: Invalid value'],
    [text([], { anonymous: { enabled: true, conditions: [{}] } }), 'anonymous: Invalid value'],
    [
      text([jwt({ claimMappings: { username: { claim: 'a', expression: 'b' } } })]),
      'exactly one of claim or expression is required',
    ],
    [text([jwt({ claimMappings: { username: { expression: 'claims.' } } })]), 'compilation failed: ERROR: <input>'],
    [
      text([jwt({ claimMappings: { username: { expression: 'claims.email' } } })]),
      'claims.email_verified must be used',
    ],
    [text([jwt({ userValidationRules: [{ expression: 'claims.sub == ""' }] })]), "undeclared reference to 'claims'"],
  ])('%s is refused', (given, message) => {
    expect(() => parseAuthenticationConfig(given)).toThrow(message);
  });

  it('follows from flags', () => {
    const flags = {
      oidcIssuerUrl: issuer.url,
      oidcClientId: 'knarr',
      oidcGroupsClaim: 'groups',
      oidcRequiredClaim: ['hd=a=b'],
    };
    expect(jwtOfFlags(flags, 'PEM')).toEqual({
      issuer: { ...issuer, certificateAuthority: 'PEM' },
      claimMappings: {
        username: { claim: 'sub', prefix: 'https://issuer.test#' },
        groups: { claim: 'groups', prefix: '' },
      },
      claimValidationRules: [{ claim: 'hd', requiredValue: 'a=b' }],
    });
    expect(jwtOfFlags({ ...flags, oidcUsernamePrefix: '-' }, undefined)?.claimMappings.username.prefix).toBe('');
    expect(jwtOfFlags({ ...flags, oidcUsernameClaim: 'email' }, undefined)?.claimMappings.username.prefix).toBe('');
    expect(jwtOfFlags({}, undefined)).toBeUndefined();
    expect(() => jwtOfFlags({ oidcIssuerUrl: issuer.url }, undefined)).toThrow('--oidc-client-id is needed');
  });
});

describe('a token file', () => {
  it('has a user a line', async () => {
    const file = new TokenFileAuthenticator('# people\nsecret,olav,7,"a,b"\n\nother,"Harald ""Hardrada""" \n');
    expect(await file.authenticateToken('secret')).toEqual({ user: { name: 'olav', uid: '7', groups: ['a', 'b'] } });
    expect(await file.authenticateToken('other')).toEqual({ user: { name: 'Harald "Hardrada"', groups: [] } });
    expect(await file.authenticateToken('secre')).toBeUndefined();
    expect(() => new TokenFileAuthenticator('a,b\nc')).toThrow('line 2: a token and a user name are needed');
  });
});
