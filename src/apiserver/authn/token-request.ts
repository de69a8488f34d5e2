import { nodes, pods, secrets, serviceaccounts } from '../../api/generated/resources.ts';
import type { BoundObjectReference, Pod, TokenRequest } from '../../api/generated/types.ts';
import { badRequest, conflict, type FieldError, invalid, notFound } from '../../api/meta/status-error.ts';
import type { KubeObject, Resource } from '../../api/resource.ts';
import type { Clock } from '../../base/clock.ts';
import type { ObjectReader } from '../object-reader.ts';
import type { NamedUid, ServiceAccountTokenRequest, TokenIssuer } from './token-issuer.ts';

const defaultSeconds = 3600;
const minSeconds = 600;
const maxSeconds = 2 ** 32;
/** What the projected volume of every pod asks for; such a token lives a year and warns instead of failing (KEP-1205). */
const warnOnlySeconds = 3607;
const extendedSeconds = 365 * 24 * 3600;

interface Deps {
  issuer: TokenIssuer;
  read: ObjectReader;
  clock: Clock;
}

/** POST to `serviceaccounts/token`: the request with its status filled in. Throws `StatusError`. */
export async function createToken(
  deps: Deps,
  account: { namespace: string; name: string },
  request: TokenRequest,
): Promise<TokenRequest> {
  const found = deps.read.get(serviceaccounts, account.namespace, account.name);
  if (!found) throw notFound(serviceaccounts, account.name);
  const audiences = request.spec?.audiences?.length ? request.spec.audiences : deps.issuer.apiAudiences;
  const expirationSeconds = request.spec?.expirationSeconds ?? defaultSeconds;
  checkDuration(expirationSeconds);
  const bound = boundObject(deps, account, request.spec?.boundObjectRef);
  const extend = bound.boundObject?.kind === 'Pod' && expirationSeconds === warnOnlySeconds && isOwn(deps, audiences);
  const { token } = deps.issuer.issueServiceAccountToken({
    ...account,
    uid: found.metadata.uid ?? '',
    audiences,
    ...bound,
    expirationSeconds: extend ? extendedSeconds : expirationSeconds,
    ...(extend ? { warnAfterSeconds: expirationSeconds } : {}),
  });
  const expires = new Date((Math.floor(deps.clock.now() / 1000) + expirationSeconds) * 1000);
  return {
    kind: 'TokenRequest',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: {
      ...request.metadata,
      name: account.name,
      namespace: account.namespace,
      creationTimestamp: new Date(Math.floor(deps.clock.now() / 1000) * 1000).toISOString().replace('.000Z', 'Z'),
    },
    spec: { ...request.spec, audiences, expirationSeconds },
    status: { token, expirationTimestamp: expires.toISOString().replace('.000Z', 'Z') },
  };
}

const isOwn = (deps: Deps, audiences: string[]): boolean =>
  audiences.every((audience) => deps.issuer.apiAudiences.includes(audience));

function checkDuration(seconds: number): void {
  const field = 'spec.expirationSeconds';
  const errors: FieldError[] = [];
  const refuse = (why: string) =>
    errors.push({ type: 'FieldValueInvalid', field, message: `Invalid value: ${seconds}: ${why}` });
  if (seconds < minSeconds) refuse('may not specify a duration less than 10 minutes');
  if (seconds > maxSeconds) refuse('may not specify a duration larger than 2^32 seconds');
  if (errors.length) throw invalid({ group: 'authentication.k8s.io', kind: 'TokenRequest' }, '', errors);
}

type Bound = Pick<ServiceAccountTokenRequest, 'boundObject' | 'node'>;

function boundObject(
  deps: Deps,
  account: { namespace: string; name: string },
  ref: BoundObjectReference | undefined | null,
): Bound {
  if (!ref) return {};
  const { kind = '', name = '' } = ref;
  if (ref.apiVersion === 'v1' && kind === 'Pod') {
    const pod = checked(pods, deps.read.get(pods, account.namespace, name), ref);
    if ((pod.spec.serviceAccountName ?? '') !== account.name) {
      throw badRequest(
        `cannot bind token for serviceaccount ${JSON.stringify(account.name)} to pod running with different serviceaccount name.`,
      );
    }
    return { boundObject: { kind, ...identity(pod) }, ...nodeOf(deps, pod) };
  }
  if (ref.apiVersion === 'v1' && kind === 'Secret') {
    const secret = checked(secrets, deps.read.get(secrets, account.namespace, name), ref);
    return { boundObject: { kind, ...identity(secret) } };
  }
  if (ref.apiVersion === 'v1' && kind === 'Node') {
    const node = checked(nodes, deps.read.get(nodes, '', name), ref);
    return { boundObject: { kind, ...identity(node) } };
  }
  const version = ref.apiVersion?.includes('/') ? ref.apiVersion : `/${ref.apiVersion ?? ''}`;
  throw badRequest(`cannot bind token to object of type ${version}, Kind=${kind}`);
}

function checked<T extends KubeObject>(resource: Resource<T>, found: T | undefined, ref: BoundObjectReference): T {
  if (!found) throw notFound(resource, ref.name ?? '');
  if (ref.uid && ref.uid !== found.metadata.uid) {
    throw conflict(
      resource,
      ref.name ?? '',
      `the UID in the bound object reference (${ref.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  }
  return found;
}

const identity = (object: KubeObject): NamedUid => ({ name: object.metadata.name, uid: object.metadata.uid ?? '' });

function nodeOf(deps: Deps, pod: Pod): Pick<Bound, 'node'> {
  if (!pod.spec.nodeName) return {};
  const node = deps.read.get(nodes, '', pod.spec.nodeName);
  return { node: { name: pod.spec.nodeName, uid: node?.metadata.uid ?? '' } };
}
