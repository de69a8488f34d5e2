import type {
  FieldSelectorAttributes,
  LabelSelectorAttributes,
  ObjectMeta,
  ResourceAttributes,
  SubjectAccessReviewSpec,
} from '../generated/types.ts';
import { labelValue, qualifiedName } from '../meta/name-format.ts';
import { goForm } from '../schema/go-form.ts';
import { child, each, type FieldError, forbidden, invalidValue, keyFormatted, required } from './check.ts';

/** Questions about what somebody may do: what they must be like to be answered. */

interface Review {
  metadata?: Partial<ObjectMeta>;
  spec: SubjectAccessReviewSpec;
}

export const validateAccessReview = ({ metadata, spec }: Review): FieldError[] => [
  ...attributes(spec),
  ...somebody(spec),
  ...empty(metadata, 'must be empty'),
];

export const validateOwnAccessReview = ({ metadata, spec }: Review): FieldError[] => [
  ...attributes(spec),
  ...empty(metadata, 'must be empty'),
];

/** `namespace` is the one of the request. */
export function validateLocalAccessReview({ metadata, spec }: Review, namespace: string): FieldError[] {
  const { namespace: _, ...others } = metadata ?? {};
  const { resourceAttributes: asked, nonResourceAttributes: path } = spec;
  const errors = [...attributes(spec), ...somebody(spec), ...empty(others, 'must be empty except for namespace')];
  if (asked && (asked.namespace ?? '') !== namespace) {
    const at = 'spec.resourceAttributes.namespace';
    errors.push(invalidValue(at, asked.namespace ?? '', 'must match metadata.namespace'));
  }
  if (path)
    errors.push(invalidValue('spec.nonResourceAttributes', shownPath(spec), 'disallowed on this kind of request'));
  return errors;
}

const shownPath = ({ nonResourceAttributes }: SubjectAccessReviewSpec): unknown =>
  goForm('io.k8s.api.authorization.v1.NonResourceAttributes', nonResourceAttributes);

function empty(metadata: Partial<ObjectMeta> | undefined, text: string): FieldError[] {
  const { managedFields: _, ...others } = metadata ?? {};
  const given = Object.entries(others).filter(([, value]) => value !== undefined && value !== null && value !== '');
  return given.length > 0 ? [invalidValue('metadata', Object.fromEntries(given), text)] : [];
}

const somebody = ({ user, groups }: SubjectAccessReviewSpec): FieldError[] =>
  user || groups?.length ? [] : [invalidValue('spec.user', '', 'at least one of user or group must be specified')];

function attributes(spec: SubjectAccessReviewSpec): FieldError[] {
  const { resourceAttributes: asked, nonResourceAttributes: path } = spec;
  if (!asked && !path) {
    const text = 'exactly one of nonResourceAttributes or resourceAttributes must be specified';
    return [invalidValue('spec.resourceAttributes', 'null', text)];
  }
  const both = 'cannot be specified in combination with resourceAttributes';
  return [
    ...(asked && path ? [invalidValue('spec.nonResourceAttributes', shownPath(spec), both)] : []),
    ...(asked ? selectors(asked) : []),
  ];
}

function selectors({ fieldSelector, labelSelector }: ResourceAttributes): FieldError[] {
  const of = (name: string) => `spec.resourceAttributes.${name}`;
  return [
    ...(fieldSelector ? selectorErrors(fieldSelector, of('fieldSelector'), namedField) : []),
    ...(labelSelector ? selectorErrors(labelSelector, of('labelSelector'), labelled) : []),
  ];
}

type Requirement = NonNullable<FieldSelectorAttributes['requirements']>[number];

function selectorErrors(
  { rawSelector, requirements }: FieldSelectorAttributes | LabelSelectorAttributes,
  path: string,
  check: (requirement: Requirement, path: string) => FieldError[],
): FieldError[] {
  const at = child(path, 'requirements');
  const errors: FieldError[] = [];
  const count = requirements?.length ?? 0;
  if (rawSelector && count > 0) {
    const text = 'may not specified at the same time as requirements';
    errors.push(invalidValue(child(path, 'rawSelector'), rawSelector, text));
  }
  if (!rawSelector && count === 0)
    errors.push(required(at, `when ${path} is specified, requirements or rawSelector is required`));
  return [...errors, ...each(requirements as Requirement[] | undefined, at, check)];
}

/** Operators that are not known are let through: newer clients may know more of them. */
function values({ operator, values: list }: Requirement, path: string): FieldError[] {
  const at = child(path, 'values');
  const count = list?.length ?? 0;
  if ((operator === 'In' || operator === 'NotIn') && count === 0)
    return [required(at, "must be specified when `operator` is 'In' or 'NotIn'")];
  if ((operator === 'Exists' || operator === 'DoesNotExist') && count > 0)
    return [forbidden(at, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")];
  return [];
}

const namedField = (requirement: Requirement, path: string): FieldError[] => [
  ...(requirement.key ? [] : [required(child(path, 'key'), 'must be specified')]),
  ...values(requirement, path),
];

const labelled = (requirement: Requirement, path: string): FieldError[] => [
  ...values(requirement, path),
  ...keyFormatted(child(path, 'key'), requirement.key ?? '', qualifiedName),
  ...each(requirement.values, child(path, 'values'), (value, p) => keyFormatted(p, value, labelValue)),
];
