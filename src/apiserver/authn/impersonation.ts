import { internalError } from '../../api/meta/status-error.ts';
import { forbidden } from '../authz/forbidden.ts';
import type { ResourceAttributes } from '../authz/attributes.ts';
import type { Authorizer } from '../authz/authorizer.ts';
import {
  allAuthenticated,
  allUnauthenticated,
  anonymousUser,
  parseServiceAccountUser,
  serviceAccountGroups,
  type UserInfo,
} from './user-info.ts';

const extraPrefix = 'impersonate-extra-';

/** Header names in lower case, as Node gives them; values may repeat. */
export type Headers = Readonly<Record<string, string | string[] | undefined>>;

/**
 * Acts as somebody else when the headers ask for it and the user may `impersonate` each part (user, groups, uid, extras).
 * Throws `StatusError` Forbidden otherwise. Without such headers the user is given back unchanged.
 */
export function impersonate(user: UserInfo, headers: Headers, authorizer: Authorizer): UserInfo {
  const wanted = wantedUser(headers);
  if (!wanted) return user;
  for (const attributes of impersonatedParts(wanted)) {
    const decision = authorizer.authorize(user, attributes);
    if (!decision.allowed) throw forbidden(user, attributes, decision.reason);
  }
  return withImpliedGroups(wanted);
}

function wantedUser(headers: Headers): UserInfo | undefined {
  const name = values(headers['impersonate-user'])[0] ?? '';
  const groups = values(headers['impersonate-group']);
  const uid = values(headers['impersonate-uid'])[0];
  const extra: Record<string, string[]> = {};
  for (const [header, value] of Object.entries(headers)) {
    if (header.startsWith(extraPrefix)) extra[decodeKey(header.slice(extraPrefix.length))] = values(value);
  }
  const hasExtra = Object.keys(extra).length > 0;
  if (!name) {
    if (groups.length || uid || hasExtra) throw internalError('requested impersonation without impersonating a user');
    return undefined;
  }
  return { name, groups, ...(uid ? { uid } : {}), ...(hasExtra ? { extra } : {}) };
}

const values = (header: string | string[] | undefined): string[] =>
  header === undefined ? [] : Array.isArray(header) ? header : [header];

/** Extra keys are percent-encoded in header names. */
function decodeKey(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function impersonatedParts(wanted: UserInfo): ResourceAttributes[] {
  const part = (resource: string, name: string, more: Partial<ResourceAttributes> = {}): ResourceAttributes => ({
    verb: 'impersonate',
    group: '',
    version: 'v1',
    resource,
    name,
    ...more,
  });
  const identity = { group: 'authentication.k8s.io' };
  const account = parseServiceAccountUser(wanted.name);
  return [
    account ? part('serviceaccounts', account.name, { namespace: account.namespace }) : part('users', wanted.name),
    ...wanted.groups.map((group) => part('groups', group)),
    ...Object.entries(wanted.extra ?? {}).flatMap(([key, list]) =>
      list.map((value) => part('userextras', value, { ...identity, subresource: key })),
    ),
    ...(wanted.uid ? [part('uids', wanted.uid, identity)] : []),
  ];
}

/** A service account brings its groups unless groups were named; everybody is authenticated or not. */
function withImpliedGroups(wanted: UserInfo): UserInfo {
  const account = parseServiceAccountUser(wanted.name);
  const groups = wanted.groups.length === 0 && account ? serviceAccountGroups(account.namespace) : [...wanted.groups];
  if (!groups.includes(allAuthenticated) && !groups.includes(allUnauthenticated)) {
    groups.push(wanted.name === anonymousUser ? allUnauthenticated : allAuthenticated);
  }
  return { ...wanted, groups };
}
