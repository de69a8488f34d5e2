import { parse } from 'yaml';
import { type AccessCondition, compileAccessCondition } from '../../api/cel/authorization-language.ts';
import { child, duplicate, invalidValue, notSupported, required, tooMany } from '../../api/meta/field-error.ts';
import { dns1123Subdomain } from '../../api/meta/name-format.ts';
import type { FieldError } from '../../api/meta/status-error.ts';
import { durationMs } from '../../base/duration.ts';

/** apiserver.config.k8s.io AuthorizationConfiguration: who is asked whether a request may be, in this order. */
export interface AuthorizationConfig {
  authorizers: AuthorizerConfig[];
}

export type AuthorizerConfig =
  | { type: 'Node' | 'RBAC' | 'AlwaysAllow' | 'AlwaysDeny'; name: string }
  | { type: 'Webhook'; name: string; webhook: AuthorizationWebhookConfig };

/** A server that is asked, with its defaults; times in milliseconds. */
export interface AuthorizationWebhookConfig {
  authorizedTtlMs: number;
  unauthorizedTtlMs: number;
  cacheAuthorizedRequests: boolean;
  cacheUnauthorizedRequests: boolean;
  timeoutMs: number;
  failurePolicy: 'NoOpinion' | 'Deny';
  subjectAccessReviewVersion: 'v1' | 'v1beta1';
  kubeConfigFile: string;
  matchConditions: AccessCondition[];
}

/** As the file has it. */
interface WrittenWebhook {
  authorizedTTL?: string;
  unauthorizedTTL?: string;
  cacheAuthorizedRequests?: boolean;
  cacheUnauthorizedRequests?: boolean;
  timeout?: string;
  subjectAccessReviewVersion?: string;
  matchConditionSubjectAccessReviewVersion?: string;
  failurePolicy?: string;
  connectionInfo?: { type?: string; kubeConfigFile?: string };
  matchConditions?: { expression?: string }[];
}

interface Written {
  type?: string;
  name?: string;
  webhook?: WrittenWebhook;
}

const apiVersions = ['v1', 'v1beta1', 'v1alpha1'].map((version) => `apiserver.config.k8s.io/${version}`);
/** ABAC's policy files are not read. */
const types = ['AlwaysAllow', 'AlwaysDeny', 'Node', 'RBAC', 'Webhook'];
const maxConditions = 64;

/** Reads a configuration. Throws an Error with everything that is wrong with it, by field. `isFile`: of paths that it names. */
export function parseAuthorizationConfig(text: string, isFile: (path: string) => boolean): AuthorizationConfig {
  const config = parse(text) as { apiVersion?: string; kind?: string; authorizers?: Written[] } | null;
  if (!apiVersions.includes(config?.apiVersion ?? '') || config?.kind !== 'AuthorizationConfiguration')
    throw new Error('it is no AuthorizationConfiguration of apiserver.config.k8s.io');
  const written = config.authorizers ?? [];
  const errors =
    written.length === 0
      ? [required('authorizers', 'at least one authorization mode must be defined')]
      : written.flatMap((one, i) =>
          authorizerErrors(one, { path: `authorizers[${i}]`, before: written.slice(0, i), isFile }),
        );
  if (errors.length > 0) throw new Error(errors.map(({ field, message }) => `${field}: ${message}`).join(', '));
  return { authorizers: written.map(read) };
}

function read({ type, name = '', webhook = {} }: Written): AuthorizerConfig {
  if (type !== 'Webhook') return { type: type as 'Node', name };
  const { authorizedTTL = '5m', unauthorizedTTL = '30s', connectionInfo, matchConditions = [] } = webhook;
  return {
    type,
    name,
    webhook: {
      authorizedTtlMs: durationMs(authorizedTTL),
      unauthorizedTtlMs: durationMs(unauthorizedTTL),
      cacheAuthorizedRequests: webhook.cacheAuthorizedRequests ?? true,
      cacheUnauthorizedRequests: webhook.cacheUnauthorizedRequests ?? true,
      timeoutMs: durationMs(webhook.timeout ?? ''),
      failurePolicy: webhook.failurePolicy as 'NoOpinion',
      subjectAccessReviewVersion: webhook.subjectAccessReviewVersion as 'v1',
      kubeConfigFile: connectionInfo?.kubeConfigFile ?? '',
      matchConditions: matchConditions.map(({ expression = '' }) => compileAccessCondition(expression)),
    },
  };
}

interface At {
  path: string;
  before: readonly Written[];
  isFile(path: string): boolean;
}

function authorizerErrors({ type, name, webhook }: Written, { path, before, isFile }: At): FieldError[] {
  const typeAt = child(path, 'type');
  if (!type) return [required(typeAt)];
  if (!types.includes(type)) return [notSupported(typeAt, type, types)];
  if (type !== 'Webhook' && before.some((one) => one.type === type)) return [duplicate(typeAt, type)];
  const errors = nameErrors(name, child(path, 'name'), before);
  if (type !== 'Webhook')
    return webhook
      ? [...errors, invalidValue(child(path, 'webhook'), 'non-null', 'may only be specified when type=Webhook')]
      : errors;
  if (!webhook) return [...errors, required(child(path, 'webhook'), 'required when type=Webhook')];
  // Kubernetes leaves `webhook` out of the paths within it.
  return [...errors, ...webhookErrors(webhook, path, isFile)];
}

function nameErrors(name: string | undefined, path: string, before: readonly Written[]): FieldError[] {
  if (!name) return [required(path)];
  if (before.some((one) => one.name === name)) return [duplicate(path, name)];
  const wrong = dns1123Subdomain(name);
  return wrong.length > 0 ? [invalidValue(path, name, `authorizer name is invalid: ${wrong.join(', ')}`)] : [];
}

const webhookErrors = (webhook: WrittenWebhook, path: string, isFile: At['isFile']): FieldError[] => [
  ...timeErrors(webhook.timeout ?? '', child(path, 'timeout'), 30_000),
  ...timeErrors(webhook.authorizedTTL ?? '5m', child(path, 'authorizedTTL')),
  ...timeErrors(webhook.unauthorizedTTL ?? '30s', child(path, 'unauthorizedTTL')),
  ...oneOf(webhook.subjectAccessReviewVersion, child(path, 'subjectAccessReviewVersion'), ['v1', 'v1beta1']),
  ...conditionVersion(webhook, child(path, 'matchConditionSubjectAccessReviewVersion')),
  ...oneOf(webhook.failurePolicy, child(path, 'failurePolicy'), ['NoOpinion', 'Deny']),
  ...connectionErrors(webhook.connectionInfo ?? {}, child(path, 'connectionInfo'), isFile),
  ...conditionErrors(webhook.matchConditions ?? [], child(path, 'matchConditions')),
];

function timeErrors(text: string, path: string, mostMs?: number): FieldError[] {
  if (text === '') return [required(path)];
  const rule = mostMs === undefined ? 'must be > 0s' : `must be > 0s and <= ${mostMs / 1000}s`;
  if (String(text).startsWith('-')) return [invalidValue(path, text, rule)];
  try {
    const ms = durationMs(String(text));
    if (ms === 0) return [required(path)];
    return mostMs !== undefined && ms > mostMs ? [invalidValue(path, text, rule)] : [];
  } catch (error) {
    return [invalidValue(path, text, error instanceof Error ? error.message : String(error))];
  }
}

const oneOf = (value: string | undefined, path: string, allowed: readonly string[]): FieldError[] =>
  value ? (allowed.includes(value) ? [] : [notSupported(path, value, allowed)]) : [required(path)];

const conditionVersion = (
  { matchConditionSubjectAccessReviewVersion: version, matchConditions = [] }: WrittenWebhook,
  path: string,
): FieldError[] => {
  if (version) return version === 'v1' ? [] : [notSupported(path, version, ['v1'])];
  return matchConditions.length > 0 ? [required(path, 'required if match conditions are specified')] : [];
};

const [inCluster, byFile] = ['InClusterConfig', 'KubeConfigFile'];

function connectionErrors(
  { type, kubeConfigFile: file }: NonNullable<WrittenWebhook['connectionInfo']>,
  path: string,
  isFile: At['isFile'],
): FieldError[] {
  const typeAt = child(path, 'type');
  const fileAt = child(path, 'kubeConfigFile');
  const wrong = oneOf(type, typeAt, [inCluster, byFile] as string[]);
  if (wrong.length > 0) return wrong;
  if (type === inCluster) {
    // The server is no pod: there is no account that it could use.
    const text =
      'unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be defined';
    return file
      ? [invalidValue(fileAt, file, 'can only be set when type=KubeConfigFile')]
      : [invalidValue(typeAt, type, text)];
  }
  if (!file) return [required(fileAt)];
  if (!file.startsWith('/')) return [invalidValue(fileAt, file, 'must be an absolute path')];
  return isFile(file) ? [] : [invalidValue(fileAt, file, 'must be a regular file')];
}

function conditionErrors(conditions: readonly { expression?: string }[], path: string): FieldError[] {
  if (conditions.length > maxConditions) return [tooMany(path, conditions.length, maxConditions)];
  const texts = conditions.map(({ expression = '' }) => expression);
  return texts.flatMap((text, i) => {
    const at = `${path}[${i}].expression`;
    if (text.trim() === '') return [required(at)];
    if (texts.indexOf(text) < i) return [duplicate(at, text)];
    try {
      compileAccessCondition(text);
      return [];
    } catch (error) {
      return [invalidValue(at, text, error instanceof Error ? error.message : String(error))];
    }
  });
}
