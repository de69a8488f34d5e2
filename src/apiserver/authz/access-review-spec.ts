import type {
  FieldSelectorAttributes,
  LabelSelectorAttributes,
  ResourceAttributes as AskedResource,
  SubjectAccessReviewSpec,
} from '../../api/generated/types.ts';
import { parseFieldSelector } from '../../api/meta/field-selector.ts';
import { parseRequirements } from '../../api/meta/label-selector-parser.ts';
import type { UserInfo } from '../authn/user-info.ts';
import { type Attributes, isResource, type ResourceAttributes } from './attributes.ts';

/** A question about access as a SubjectAccessReview asks it; members that say nothing are empty texts. */
export const accessReviewSpec = (user: UserInfo, attributes: Attributes): SubjectAccessReviewSpec => ({
  ...(isResource(attributes)
    ? { resourceAttributes: asked(attributes) }
    : { nonResourceAttributes: { path: attributes.path, verb: attributes.verb } }),
  user: user.name,
  groups: [...user.groups],
  extra: Object.fromEntries(Object.entries(user.extra ?? {}).map(([key, values]) => [key, [...values]])),
  uid: user.uid ?? '',
});

function asked(attributes: ResourceAttributes): AskedResource {
  const { verb, group, resource, version = '', subresource = '', namespace = '', name = '' } = attributes;
  const fieldSelector = fields(attributes.fieldSelector);
  const labelSelector = labels(attributes.labelSelector);
  return {
    ...{ namespace, verb, group, version, resource, subresource, name },
    ...(fieldSelector ? { fieldSelector } : {}),
    ...(labelSelector ? { labelSelector } : {}),
  };
}

/** Selectors narrow what is asked for: one that cannot be read is left out, which never widens the answer. */
function fields(text: string | undefined): FieldSelectorAttributes | undefined {
  const requirements = text ? orNothing(() => parseFieldSelector(text)) : [];
  if (requirements.length === 0) return undefined;
  return {
    requirements: requirements.map(({ field, value, negated }) => ({
      key: field,
      operator: negated ? 'NotIn' : 'In',
      values: [value],
    })),
  };
}

const compared = ['Gt', 'Lt'];

function labels(text: string | undefined): LabelSelectorAttributes | undefined {
  const parsed = text ? orNothing(() => parseRequirements(text, (message) => new Error(message))) : [];
  // A LabelSelector has no operators of this sort.
  const requirements = parsed.filter(({ operator }) => !compared.includes(operator));
  if (requirements.length === 0) return undefined;
  return {
    requirements: requirements.map(({ key, operator, values }) => ({
      key,
      operator,
      ...(values.length > 0 ? { values } : {}),
    })),
  };
}

function orNothing<T>(parse: () => T[]): T[] {
  try {
    return parse();
  } catch {
    return [];
  }
}
