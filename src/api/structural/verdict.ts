import { toJson } from '../../base/lossless-json.ts';
import { shown } from '../meta/field-error.ts';
import type { FieldError } from '../meta/status-error.ts';

/** What validation found so far. `matches` counts the parts that were looked at: how close a failed alternative came. */
export class Verdict {
  readonly errors: FieldError[] = [];
  matches = 0;

  add(type: string, path: string, message: string): void {
    this.errors.push({ type, field: path || noPath, message });
  }

  /** A value of the wrong type or format; the value shown is what the message ends with. */
  wrongType(path: string, types: string, value: unknown): void {
    const given = toJson(value);
    this.add(
      'FieldValueTypeInvalid',
      path,
      `Invalid value: ${given}: ${subject(path)} must be of type ${types}: ${given}`,
    );
  }

  invalid(path: string, value: unknown, detail: string): void {
    this.add('FieldValueInvalid', path, `Invalid value: ${shown(value)}: ${subject(path)} ${detail}`);
  }

  /** A failure of a group of schemas: nobody's field in particular. */
  composite(path: string, detail: string): void {
    this.add('FieldValueInvalid', '', `Invalid value: "": "${path}" ${detail}`);
  }

  merge(other: Verdict): void {
    this.errors.push(...other.errors);
    this.matches += other.matches;
  }
}

/** How Go shows a path that is not there. */
export const noPath = '<nil>';

const subject = (path: string): string => (path ? `${path} in body` : 'in body');

/** A number as Go's `%v` shows a float; whole numbers are shown as such. */
export function goNumber(value: number): string {
  if (Number.isSafeInteger(value)) return String(value);
  const exponent = Math.floor(Math.log10(Math.abs(value)));
  if (exponent >= -4 && exponent < 21) return String(value);
  return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
}
