import { internalError } from '../../api/meta/status-error.ts';
import { forbidden } from '../authz/forbidden.ts';
import type { ResourceAttributes } from '../authz/attributes.ts';
import type { Authorizer } from '../authz/authorizer.ts';
import type { HeaderLists } from './authenticator.ts';
import { extrasOf } from './request-header.ts';
import {
  allAuthenticated,
  allUnauthenticated,
  anonymousUser,
  parseServiceAccountUser,
  serviceAccountGroups,
  type UserInfo,
} from './user-info.ts';

const extraPrefix = 'impersonate-extra-';

/**
 * Acts as somebody else when the headers ask for it and the user may `impersonate` each part (user, groups, uid, extras).
 * Throws `StatusError` Forbidden otherwise. Without such headers the user is given back unchanged.
 */
export function impersonate(
  user: UserInfo,
  headers: HeaderLists,
  authorizer: Authorizer,
): UserInfo | Promise<UserInfo> {
  const wanted = wantedUser(headers);
  return wanted ? impersonated(user, wanted, authorizer) : user;
}

async function impersonated(user: UserInfo, wanted: UserInfo, authorizer: Authorizer): Promise<UserInfo> {
  for (const attributes of impersonatedParts(wanted)) {
    const decision = await authorizer.authorize(user, attributes);
    if (!decision.allowed) throw forbidden(user, attributes, decision.reason);
  }
  return withImpliedGroups(wanted);
}

function wantedUser(headers: HeaderLists): UserInfo | undefined {
  const name = headers['impersonate-user']?.[0] ?? '';
  const groups = headers['impersonate-group'] ?? [];
  const uid = headers['impersonate-uid']?.[0];
  const extra = extrasOf(headers, extraPrefix);
  if (!name) {
    if (groups.length || uid || extra) throw internalError('requested impersonation without impersonating a user');
    return undefined;
  }
  return { name, groups, ...(uid ? { uid } : {}), ...(extra ? { extra } : {}) };
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
