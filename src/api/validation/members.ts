import { child } from '../meta/field-error.ts';
import type { NameFormat } from '../meta/name-format.ts';
import { rangeText } from '../meta/name-format.ts';
import type { FieldError } from '../meta/status-error.ts';
import { invalidValue, oneOf, required, requiredFormatted } from './check.ts';

/** What is wrong with a value at a path. */
export type Check<T> = (value: T, path: string) => FieldError[];

/** Checks by member, in the order in which errors are told. A member's check also sees what is absent. */
type MemberChecks<T> = { [K in keyof T]?: (path: string, value: T[K]) => FieldError[] };

/** The rules of an object as rows: one check a member. */
export const members =
  <T extends object>(checks: MemberChecks<T>): Check<T> =>
  (object, path) =>
    (Object.keys(checks) as (keyof T & string)[]).flatMap(
      (name) => checks[name]?.(child(path, name), object[name]) ?? [],
    );

const isEmpty = (value: unknown): boolean =>
  value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0);

/** The member must be there. */
export const there = (path: string, value: unknown): FieldError[] => (isEmpty(value) ? [required(path)] : []);

/** A member that is there is one of a closed set. */
export const among =
  (...allowed: string[]) =>
  (path: string, value: string | undefined | null): FieldError[] =>
    oneOf(path, value ?? undefined, allowed);

/** A number that is there lies in a range; `told` is the range of the message where that is another. */
export const between =
  (min: number, max: number, told: [number, number] = [min, max]) =>
  (path: string, value: number | undefined): FieldError[] =>
    value !== undefined && (value < min || value > max) ? [invalidValue(path, value, rangeText(...told))] : [];

/** The member is there and has a format. */
export const named =
  (format: NameFormat) =>
  (path: string, value: string | undefined): FieldError[] =>
    requiredFormatted(path, value, format);

/** A member that is there is checked as an object of its own. */
export const inner =
  <T>(check: Check<T>) =>
  (path: string, value: T | undefined | null): FieldError[] =>
    value === undefined || value === null ? [] : check(value, path);
