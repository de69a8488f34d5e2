import type { Condition } from '../generated/types.ts';
import { type NameFormat, patternText, qualifiedName } from '../meta/name-format.ts';
import {
  child,
  duplicate,
  each,
  type FieldError,
  invalidValue,
  keyFormatted,
  notSupported,
  required,
  tooLong,
} from './check.ts';

const statuses = ['False', 'True', 'Unknown'];
const longestReason = 1024;
const longestMessage = 32 * 1024;

const reasonPattern = '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?';
const reasonShape = new RegExp(`^(?:${reasonPattern})$`);
const reasonText =
  "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_'";
const examples = ['my_name', 'MY_NAME', 'MyName', 'ReasonA,ReasonB', 'ReasonA:ReasonB'];

const reason: NameFormat = (value) =>
  reasonShape.test(value) ? [] : [patternText(reasonText, reasonPattern, ...examples)];

/** Conditions as most kinds have them: complete, one of each type. */
export function validateConditions(list: readonly Condition[] | undefined, path: string): FieldError[] {
  const types = (list ?? []).map(({ type }) => type);
  return each(list, path, (condition, p, i) => [
    ...(types.indexOf(condition.type) < i ? [duplicate(child(p, 'type'), condition.type)] : []),
    ...oneCondition(condition, p),
  ]);
}

function oneCondition(condition: Condition, path: string): FieldError[] {
  const errors = keyFormatted(child(path, 'type'), condition.type ?? '', qualifiedName);
  if (!statuses.includes(condition.status))
    errors.push(notSupported(child(path, 'status'), condition.status ?? '', statuses));
  const { observedGeneration: generation = 0 } = condition;
  if (generation < 0)
    errors.push(invalidValue(child(path, 'observedGeneration'), generation, 'must be greater than or equal to zero'));
  if (!condition.lastTransitionTime) errors.push(required(child(path, 'lastTransitionTime'), 'must be set'));
  const at = child(path, 'reason');
  if (!condition.reason) errors.push(required(at, 'must be set'));
  else {
    errors.push(...keyFormatted(at, condition.reason, reason));
    if (condition.reason.length > longestReason) errors.push(tooLong(at, longestReason));
  }
  if ((condition.message ?? '').length > longestMessage) errors.push(tooLong(child(path, 'message'), longestMessage));
  return errors;
}
