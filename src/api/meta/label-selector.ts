import type { LabelSelector, LabelSelectorRequirement } from '../generated/types.ts';
import { invalidValue } from './field-error.ts';
import { parseRequirements, type Requirement } from './label-selector-parser.ts';
import { labelValue, qualifiedName } from './name-format.ts';
import { badRequest, type FieldError } from './status-error.ts';

type Labels = Readonly<Record<string, string>>;

/** Whether a set of labels is selected. */
export type LabelMatcher = (labels: Labels) => boolean;

/**
 * The matcher of a query's `labelSelector` (`a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1`). Throws `StatusError` BadRequest in
 * the API server's words.
 */
export function parseLabelSelector(text: string): LabelMatcher {
  const requirements = parseRequirements(text, (message) => badRequest(`unable to parse requirement: ${message}`));
  const wrong = requirements.flatMap(checkRequirement)[0];
  if (wrong) throw badRequest(`unable to parse requirement: ${wrong.field}: ${wrong.message}`);
  return (labels) => requirements.every((requirement) => holds(requirement, labels));
}

function checkRequirement({ key, operator, values }: Requirement): FieldError[] {
  const errors = qualifiedName(key).map((text) => invalidValue('key', key, text));
  if ((operator === 'Gt' || operator === 'Lt') && !/^[+-]?\d+$/.test(values[0] ?? ''))
    errors.push(invalidValue('values[0]', values[0], "for 'Gt', 'Lt' operators, the value must be an integer"));
  for (const [i, value] of values.entries())
    errors.push(...labelValue(value).map((text) => invalidValue(`values[${i}][${key}]`, value, text)));
  return errors;
}

function holds({ key, operator, values }: Requirement, labels: Labels): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    default:
      return compares(operator, value, values[0] ?? '');
  }
}

function compares(operator: 'Gt' | 'Lt', value: string | undefined, limit: string): boolean {
  if (value === undefined || !/^[+-]?\d+$/.test(value)) return false;
  return operator === 'Gt' ? BigInt(value) > BigInt(limit) : BigInt(value) < BigInt(limit);
}

const operators = new Set(['In', 'NotIn', 'Exists', 'DoesNotExist']);

const requirementOf = ({ key, operator, values }: LabelSelectorRequirement): Requirement | undefined =>
  operators.has(operator) ? { key, operator: operator as Requirement['operator'], values: values ?? [] } : undefined;

const selectsNothing: LabelMatcher = () => false;

/**
 * The matcher of a selector in an object. No selector selects nothing, an empty one everything; one that validation would
 * refuse selects nothing.
 */
export function labelSelectorMatcher(selector: LabelSelector | undefined): LabelMatcher {
  if (!selector) return selectsNothing;
  const equal = Object.entries(selector.matchLabels ?? {});
  const requirements = (selector.matchExpressions ?? []).map(requirementOf);
  if (requirements.includes(undefined)) return selectsNothing;
  return (labels) =>
    equal.every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value) &&
    requirements.every((requirement) => holds(requirement as Requirement, labels));
}

/** The matchers of selectors in shared objects, which nobody changes. */
const matchers = new WeakMap<LabelSelector, LabelMatcher>();

/** One answer of `labelSelectorMatcher`. */
export function matchesLabelSelector(selector: LabelSelector | undefined, labels: Labels): boolean {
  if (!selector || !Object.isFrozen(selector)) return labelSelectorMatcher(selector)(labels);
  let matcher = matchers.get(selector);
  if (!matcher) {
    matcher = labelSelectorMatcher(selector);
    matchers.set(selector, matcher);
  }
  return matcher(labels);
}

/** The selector as a query's text, keys in order: what Scale shows. */
export function formatLabelSelector(selector: LabelSelector | undefined): string {
  if (!selector) return '';
  const parts = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => ({ key, text: `${key}=${value}` }));
  for (const { key, operator, values } of selector.matchExpressions ?? [])
    parts.push({ key, text: expressionText(key, operator, values ?? []) });
  return parts
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map((part) => part.text)
    .join(',');
}

function expressionText(key: string, operator: string, values: string[]): string {
  if (operator === 'Exists') return key;
  if (operator === 'DoesNotExist') return `!${key}`;
  return `${key} ${operator.toLowerCase()} (${[...values].sort().join(',')})`;
}
