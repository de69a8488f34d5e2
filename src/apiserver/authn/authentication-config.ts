import { parse } from 'yaml';
import { compileAuthentication } from '../../api/cel/authentication-language.ts';

/** apiserver.config.k8s.io AuthenticationConfiguration: who is believed. */
export interface AuthenticationConfig {
  jwt: JwtConfig[];
  anonymous?: AnonymousConfig;
}

export interface AnonymousConfig {
  enabled: boolean;
  /** Only for these paths; none: for all. */
  conditions?: { path: string }[];
}

/** A claim with what is put before its value, or an expression over `claims`. */
export interface ClaimOrExpression {
  claim?: string;
  prefix?: string;
  expression?: string;
}

export interface JwtConfig {
  issuer: { url: string; discoveryURL?: string; certificateAuthority?: string; audiences: string[] };
  claimValidationRules?: { claim?: string; requiredValue?: string; expression?: string; message?: string }[];
  claimMappings: {
    username: ClaimOrExpression;
    groups?: ClaimOrExpression;
    uid?: ClaimOrExpression;
    extra?: { key: string; valueExpression: string }[];
  };
  userValidationRules?: { expression: string; message?: string }[];
}

const apiVersions = ['v1', 'v1beta1', 'v1alpha1'].map((version) => `apiserver.config.k8s.io/${version}`);

/** Reads a configuration. Throws an Error that says what is wrong with it. */
export function parseAuthenticationConfig(text: string): AuthenticationConfig {
  const config = parse(text) as (Partial<AuthenticationConfig> & { apiVersion?: string; kind?: string }) | null;
  if (!apiVersions.includes(config?.apiVersion ?? '') || config?.kind !== 'AuthenticationConfiguration')
    throw new Error('it is no AuthenticationConfiguration of apiserver.config.k8s.io');
  const jwt = config.jwt ?? [];
  jwt.forEach((one, i) => checkJwt(one, `jwt[${i}]`));
  const urls = jwt.flatMap(({ issuer }) => [issuer.url, issuer.discoveryURL ?? '']).filter(Boolean);
  const again = urls.find((url, i) => urls.indexOf(url) < i);
  if (again) throw new Error(`jwt: Duplicate value: ${JSON.stringify(again)}`);
  return { jwt, ...(config.anonymous ? { anonymous: checkedAnonymous(config.anonymous) } : {}) };
}

/** Who may come without a name. Paths say nothing where nobody may, which is surely not what was meant. */
function checkedAnonymous(config: Partial<AnonymousConfig>): AnonymousConfig {
  const enabled = config.enabled ?? false;
  const conditions = config.conditions ?? [];
  if (typeof enabled !== 'boolean' || conditions.some((condition) => typeof condition?.path !== 'string'))
    throw new Error('anonymous: Invalid value: enabled is true or false, a condition has a path');
  if (conditions.length === 0) return { enabled };
  const shown = JSON.stringify(conditions.map(({ path }) => ({ Path: path })));
  if (!enabled)
    throw new Error(
      `anonymous.conditions: Invalid value: ${shown}: enabled should be set to true when conditions are defined`,
    );
  return { enabled, conditions };
}

export function checkJwt(
  { issuer, claimMappings, claimValidationRules = [], userValidationRules = [] }: JwtConfig,
  path: string,
): void {
  for (const [field, url] of [
    ['url', issuer?.url],
    ['discoveryURL', issuer?.discoveryURL],
  ] as const)
    if (url !== undefined && !(URL.canParse(url) && new URL(url).protocol === 'https:'))
      throw new Error(`${path}.issuer.${field}: Invalid value: ${JSON.stringify(url)}: URL scheme must be https`);
  if (!issuer?.url) throw new Error(`${path}.issuer.url: Required value: URL is required`);
  if (!issuer.audiences?.length)
    throw new Error(`${path}.issuer.audiences: Required value: at least one jwt.issuer.audiences is required`);
  if (!claimMappings?.username)
    throw new Error(`${path}.claimMappings.username: Required value: claim or expression is required`);
  for (const name of ['username', 'groups', 'uid'] as const)
    checkMapping(claimMappings[name], `${path}.claimMappings.${name}`);
  for (const { valueExpression } of claimMappings.extra ?? []) compileAuthentication(valueExpression, 'claims');
  for (const { expression } of claimValidationRules) if (expression) compileAuthentication(expression, 'claims');
  for (const { expression } of userValidationRules) compileAuthentication(expression, 'user');
  checkEmail({ claimMappings, claimValidationRules }, path);
}

function checkMapping(mapping: ClaimOrExpression | undefined, path: string): void {
  if (!mapping) return;
  if ((mapping.claim === undefined) === (mapping.expression === undefined))
    throw new Error(`${path}: Invalid value: exactly one of claim or expression is required`);
  if (mapping.expression !== undefined) compileAuthentication(mapping.expression, 'claims');
}

/** An address that nobody has verified is anybody's. */
function checkEmail(
  { claimMappings, claimValidationRules = [] }: Pick<JwtConfig, 'claimMappings' | 'claimValidationRules'>,
  path: string,
): void {
  const username = claimMappings.username.expression ?? '';
  const others = [
    ...(claimMappings.extra ?? []).map(({ valueExpression }) => valueExpression),
    ...claimValidationRules.map(({ expression = '' }) => expression),
  ];
  if (!/\bclaims\.email\b/.test(username)) return;
  if ([username, ...others].some((text) => /\bclaims\.\??email_verified\b/.test(text))) return;
  throw new Error(
    `${path}.claimMappings.username.expression: Invalid value: ${JSON.stringify(username)}: claims.email_verified must be used in claimMappings.username.expression or claimMappings.extra[*].valueExpression or claimValidationRules[*].expression when claims.email is used in claimMappings.username.expression`,
  );
}

/** kube-apiserver's flags for a single issuer. */
export interface OidcFlags {
  oidcIssuerUrl?: string;
  oidcClientId?: string;
  oidcUsernameClaim?: string;
  oidcUsernamePrefix?: string;
  oidcGroupsClaim?: string;
  oidcGroupsPrefix?: string;
  /** `key=value`, each. */
  oidcRequiredClaim?: string[];
}

/** The configuration that flags stand for; undefined without an issuer. `ca`: PEM. Throws an Error that says what is wrong. */
export function jwtOfFlags(flags: OidcFlags, ca: string | undefined): JwtConfig | undefined {
  const { oidcIssuerUrl: url, oidcClientId, oidcUsernameClaim = 'sub', oidcUsernamePrefix } = flags;
  if (!url) return undefined;
  if (!oidcClientId) throw new Error('--oidc-client-id is needed with --oidc-issuer-url');
  // Names of different issuers must not meet; who gives `-` knows that they do not.
  const usual = oidcUsernameClaim === 'email' ? '' : `${url}#`;
  const prefix = oidcUsernamePrefix === '-' ? '' : (oidcUsernamePrefix ?? usual);
  const config: JwtConfig = {
    issuer: { url, audiences: [oidcClientId], ...(ca ? { certificateAuthority: ca } : {}) },
    claimMappings: {
      username: { claim: oidcUsernameClaim, prefix },
      ...(flags.oidcGroupsClaim
        ? { groups: { claim: flags.oidcGroupsClaim, prefix: flags.oidcGroupsPrefix ?? '' } }
        : {}),
    },
    claimValidationRules: (flags.oidcRequiredClaim ?? []).map((text) => {
      const [claim = '', ...rest] = text.split('=');
      return { claim, requiredValue: rest.join('=') };
    }),
  };
  checkJwt(config, 'oidc');
  return config;
}
