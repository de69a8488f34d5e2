/** Who a request comes from (authentication.k8s.io UserInfo, with `name` for its username). */
export interface UserInfo {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export const anonymousUser = 'system:anonymous';
export const allUnauthenticated = 'system:unauthenticated';
export const allAuthenticated = 'system:authenticated';
export const mastersGroup = 'system:masters';
export const nodesGroup = 'system:nodes';
export const nodeUserPrefix = 'system:node:';
export const credentialIdKey = 'authentication.kubernetes.io/credential-id';
/** Of a service account: the node that its pod is on. */
export const nodeNameKey = 'authentication.kubernetes.io/node-name';

const serviceAccountPrefix = 'system:serviceaccount:';

export const serviceAccountUserName = (namespace: string, name: string): string =>
  `${serviceAccountPrefix}${namespace}:${name}`;

export const serviceAccountGroups = (namespace: string): string[] => [
  'system:serviceaccounts',
  `system:serviceaccounts:${namespace}`,
];

/** The service account behind a user name; undefined when the name is not of that form. */
export function parseServiceAccountUser(userName: string): { namespace: string; name: string } | undefined {
  if (!userName.startsWith(serviceAccountPrefix)) return undefined;
  const [namespace, name, ...rest] = userName.slice(serviceAccountPrefix.length).split(':');
  return namespace && name && rest.length === 0 ? { namespace, name } : undefined;
}

/** The identity of a service account as its token would give it: what in-process controllers run as. */
export const serviceAccountUser = (namespace: string, name: string, uid?: string): UserInfo => ({
  name: serviceAccountUserName(namespace, name),
  ...(uid ? { uid } : {}),
  groups: [...serviceAccountGroups(namespace), allAuthenticated],
});

/** The node's name if this is a node: user `system:node:<name>` in group `system:nodes`. */
export function nodeNameOf(user: UserInfo): string | undefined {
  if (!user.name.startsWith(nodeUserPrefix) || !user.groups.includes(nodesGroup)) return undefined;
  return user.name.slice(nodeUserPrefix.length) || undefined;
}

/** Everybody who proved a name is in `system:authenticated`. */
export function withAuthenticated(user: UserInfo): UserInfo {
  if (user.groups.includes(allAuthenticated) || user.groups.includes(allUnauthenticated)) return user;
  return { ...user, groups: [...user.groups, allAuthenticated] };
}
