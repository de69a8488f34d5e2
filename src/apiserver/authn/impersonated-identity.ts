import type { StatusError } from '../../api/meta/status-error.ts';
import { domainPrefixedPath } from '../../api/validation/check.ts';
import type { Attributes, ResourceAttributes } from '../authz/attributes.ts';
import { forbidden } from '../authz/forbidden.ts';
import { listText } from '../authz/rbac.ts';
import {
  allAuthenticated,
  allUnauthenticated,
  anonymousUser,
  mastersGroup,
  nodesGroup,
  nodeUserPrefix,
  parseServiceAccountUser,
  serviceAccountGroups,
  type UserInfo,
} from './user-info.ts';

/** Somebody who wants to be somebody else, and how it is found out whether he may. */
export interface Asking {
  requestor: UserInfo;
  /** Undefined: he may. */
  refusal(attributes: Attributes): Promise<StatusError | undefined>;
}

export interface IdentityMode {
  verb: string;
  /** Not the classic verb, whose ways are kept for those who have it. */
  isConstrained: boolean;
  /** The user name is a node's. */
  isOfNodes: boolean;
}

/** What is asked of one part of an identity; `all` stands for each of them. */
interface Part {
  all?: ResourceAttributes;
  each: ResourceAttributes[];
}

/** So many questions of one kind are worth one that would settle them all (upstream's number). */
const many = 4;

/** Asks for each part of the wanted user, in upstream's order. The user as he is then; throws the first refusal. */
export async function authorizeIdentity(asking: Asking, wanted: UserInfo, mode: IdentityMode): Promise<UserInfo> {
  for (const partOf of parts) {
    const { all, each } = partOf(wanted, mode, asking.requestor);
    if (all && !(await asking.refusal(all))) continue;
    for (const attributes of each) {
      const refusal = await asking.refusal(attributes);
      if (refusal) throw refusal;
    }
  }
  return withImpliedGroups(wanted, mode);
}

const identityGroup = 'authentication.k8s.io';

const part = (
  mode: IdentityMode,
  resource: string,
  name: string,
  more: Partial<ResourceAttributes> = {},
): ResourceAttributes => ({ verb: mode.verb, group: identityGroup, version: 'v1', resource, name, ...more });

/** The classic verb has users, groups and service accounts in the core group. */
const home = ({ isConstrained }: IdentityMode) => (isConstrained ? {} : { group: '' });

function namePart({ name }: UserInfo, mode: IdentityMode): Part {
  if (mode.isOfNodes) return { each: [part(mode, 'nodes', name.slice(nodeUserPrefix.length))] };
  const account = parseServiceAccountUser(name);
  if (!account) return { each: [part(mode, 'users', name, home(mode))] };
  return { each: [part(mode, 'serviceaccounts', account.name, { ...home(mode), namespace: account.namespace })] };
}

const uidPart = ({ uid }: UserInfo, mode: IdentityMode): Part => ({ each: uid ? [part(mode, 'uids', uid)] : [] });

function groupPart({ groups }: UserInfo, mode: IdentityMode, requestor: UserInfo): Part {
  const group = (name: string) => part(mode, 'groups', name, home(mode));
  const each = groups.map(group);
  if (!mode.isConstrained) return { each };
  if (groups.includes('')) throw forbidden(requestor, group(''), 'impersonating the empty string group is not allowed');
  if (groups.includes(mastersGroup))
    throw forbidden(requestor, group(mastersGroup), `impersonating the ${mastersGroup} group is not allowed`);
  return { each, ...(each.length >= many ? { all: group('*') } : {}) };
}

function extraPart({ extra = {} }: UserInfo, mode: IdentityMode, requestor: UserInfo): Part {
  const value = (subresource: string, name: string) => part(mode, 'userextras', name, { subresource });
  const each = Object.entries(extra).flatMap(([key, values]) => values.map((one) => value(key, one)));
  if (!mode.isConstrained) return { each };
  const problem = Object.entries(extra).map(extraProblem).find(Boolean);
  if (problem) throw forbidden(requestor, part(mode, 'userextras', ''), problem);
  return { each, ...(each.length >= many ? { all: value('*', '*') } : {}) };
}

/** What a constrained mode has against an extra; undefined: nothing. */
function extraProblem([key, values]: [string, readonly string[]]): string | undefined {
  if (!key) return 'impersonating the empty string key in extra is not allowed';
  const errors = domainPrefixedPath('extra.key', key).map(({ field, message }) => `${field}: ${message}`);
  if (errors.length > 0) return `impersonating an invalid key in extra is not allowed: ${listText(errors)}`;
  if (key !== key.toLowerCase())
    return `impersonating a non-lowercase key in extra is not allowed: ${JSON.stringify(key)}`;
  if (values.length === 0) return 'impersonating empty values in extra is not allowed';
  return values.includes('') ? 'impersonating the empty string value in extra is not allowed' : undefined;
}

const parts: readonly ((wanted: UserInfo, mode: IdentityMode, requestor: UserInfo) => Part)[] = [
  namePart,
  uidPart,
  groupPart,
  extraPart,
];

/** Nodes have one group, a service account brings its own unless groups were named; everybody is authenticated or not. */
function withImpliedGroups(wanted: UserInfo, { isOfNodes }: IdentityMode): UserInfo {
  const account = parseServiceAccountUser(wanted.name);
  const ofAccount = account && wanted.groups.length === 0 ? serviceAccountGroups(account.namespace) : wanted.groups;
  const groups = isOfNodes ? [nodesGroup] : [...ofAccount];
  if (wanted.name === anonymousUser) {
    if (!groups.includes(allUnauthenticated)) groups.push(allUnauthenticated);
  } else if (!groups.includes(allUnauthenticated) && !groups.includes(allAuthenticated)) groups.push(allAuthenticated);
  return { ...wanted, groups };
}
