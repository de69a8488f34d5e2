import type {
  LocalSubjectAccessReview,
  ResourceAttributes as ReviewedResource,
  SelfSubjectRulesReview,
  SubjectAccessReview,
  SubjectAccessReviewSpec,
  TokenReview,
  UserInfo as ApiUserInfo,
} from '../../api/generated/types.ts';
import { badRequest, type FieldError, invalid } from '../../api/meta/status-error.ts';
import {
  validateAccessReview,
  validateLocalAccessReview,
  validateOwnAccessReview,
} from '../../api/validation/access-review.ts';
import type { Authentication } from '../authn/authentication.ts';
import type { UserInfo } from '../authn/user-info.ts';
import type { Attributes } from './attributes.ts';
import type { Authorizer } from './authorizer.ts';

interface Deps {
  authorizer: Authorizer;
  authentication: Pick<Authentication, 'authenticateToken'>;
}

interface Body {
  kind?: string;
  metadata?: { namespace?: string };
  spec?: unknown;
}

type Handler = (deps: Deps, body: never, context: ReviewContext) => object | Promise<object>;

export interface ReviewContext {
  user: UserInfo;
  /** The namespace of the URL (LocalSubjectAccessReview only). */
  namespace: string;
}

/** The review kinds, by kind: questions that are answered, never stored. */
export const reviewHandlers = {
  SubjectAccessReview: (deps: Deps, body: SubjectAccessReview) => subjectAccess(deps, body),
  LocalSubjectAccessReview: localSubjectAccess,
  SelfSubjectAccessReview: selfSubjectAccess,
  SelfSubjectRulesReview: selfSubjectRules,
  SelfSubjectReview: (_deps: Deps, body: Body, { user }: ReviewContext) => ({
    ...body,
    status: { userInfo: apiUser(user) },
  }),
  TokenReview: tokenReview,
} satisfies Record<string, Handler>;

/** Answers a review: the body with its status. Throws `StatusError` for a question that cannot be answered. */
export async function review(deps: Deps, body: Body & { kind: string }, context: ReviewContext): Promise<object> {
  const handler = reviewHandlers[body.kind as keyof typeof reviewHandlers] as Handler | undefined;
  if (!handler) throw badRequest(`${body.kind} is not a review`);
  return handler(deps, { ...body, spec: body.spec ?? {} } as never, context);
}

async function subjectAccess(deps: Deps, body: SubjectAccessReview): Promise<SubjectAccessReview> {
  refuse(validateAccessReview(body));
  return { ...body, status: await decide(deps, asked(body.spec), body.spec) };
}

async function localSubjectAccess(
  deps: Deps,
  body: LocalSubjectAccessReview,
  { namespace }: ReviewContext,
): Promise<LocalSubjectAccessReview> {
  refuse(validateLocalAccessReview(body, namespace));
  return { ...body, status: await decide(deps, asked(body.spec), body.spec) };
}

/** Whom a review is about. */
const asked = ({ user = '', groups = [], uid, extra }: SubjectAccessReviewSpec): UserInfo => ({
  name: user,
  groups,
  ...(uid ? { uid } : {}),
  ...(extra ? { extra } : {}),
});

async function selfSubjectAccess(deps: Deps, body: SubjectAccessReview, { user }: ReviewContext): Promise<object> {
  refuse(validateOwnAccessReview(body));
  return { ...body, status: await decide(deps, user, body.spec) };
}

function selfSubjectRules(deps: Deps, body: SelfSubjectRulesReview, { user }: ReviewContext): object {
  const namespace = body.spec.namespace;
  if (!namespace) throw badRequest('no namespace on request');
  const { rules, evaluationError } = deps.authorizer.knownRules(user, namespace);
  const resourceRules = rules
    .filter((rule) => rule.resources?.length)
    .map(({ verbs, apiGroups, resources, resourceNames }) => ({
      verbs,
      apiGroups,
      resources,
      ...(resourceNames?.length ? { resourceNames } : {}),
    }));
  const nonResourceRules = rules
    .filter((rule) => rule.nonResourceURLs?.length)
    .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs }));
  const status = { resourceRules, nonResourceRules, incomplete: evaluationError !== '' };
  return { ...body, status: evaluationError ? { ...status, evaluationError } : status };
}

async function tokenReview(deps: Deps, body: TokenReview): Promise<object> {
  const { token, audiences } = body.spec;
  if (!token) throw badRequest('token is required for TokenReview in authentication');
  const identity = await deps.authentication.authenticateToken(token, audiences?.length ? audiences : undefined);
  const status = identity
    ? { authenticated: true, user: apiUser(identity.user), audiences: identity.audiences }
    : { user: {}, error: 'invalid bearer token' };
  return { ...body, status };
}

async function decide(
  deps: Deps,
  user: UserInfo,
  spec: SubjectAccessReviewSpec,
): Promise<SubjectAccessReview['status']> {
  const { allowed, denied, reason, error } = await deps.authorizer.authorize(user, attributesOf(spec));
  return {
    allowed,
    ...(denied ? { denied } : {}),
    ...(reason ? { reason } : {}),
    ...(error ? { evaluationError: error } : {}),
  };
}

function attributesOf({ resourceAttributes, nonResourceAttributes }: SubjectAccessReviewSpec): Attributes {
  if (!resourceAttributes) {
    return { verb: nonResourceAttributes?.verb ?? '', path: nonResourceAttributes?.path ?? '' };
  }
  const { verb = '', group = '', resource = '', fieldSelector: _f, labelSelector, ...rest } = resourceAttributes;
  return {
    ...rest,
    verb,
    group,
    resource,
    fieldSelector: selectorText(resourceAttributes),
    labelSelector: labelSelector?.rawSelector,
  };
}

/** Only equality narrows what is asked for; other requirements are left out, which never widens the answer. */
function selectorText({ fieldSelector }: ReviewedResource): string | undefined {
  if (fieldSelector?.rawSelector) return fieldSelector.rawSelector;
  const equal = (fieldSelector?.requirements ?? []).filter((r) => r.operator === 'In' && r.values?.length === 1);
  return equal.length ? equal.map((r) => `${r.key}=${r.values?.[0]}`).join(',') : undefined;
}

function refuse(errors: FieldError[]): void {
  if (errors.length) throw invalid({ group: 'authorization.k8s.io', kind: '' }, '', errors);
}

const apiUser = ({ name, uid, groups, extra }: UserInfo): ApiUserInfo => ({
  username: name,
  ...(uid ? { uid } : {}),
  groups: [...groups],
  ...(extra ? { extra: extra as Record<string, string[]> } : {}),
});
