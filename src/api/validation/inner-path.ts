import { type FieldError, invalidValue } from './check.ts';

/** A path inside a volume: relative and without steps up. */
export function innerPath(path: string, value: string | undefined): FieldError[] {
  if (!value) return [];
  const errors: FieldError[] = [];
  if (value.startsWith('/')) errors.push(invalidValue(path, value, 'must be a relative path'));
  return [...errors, ...noBacksteps(path, value)];
}

export const noBacksteps = (path: string, value: string): FieldError[] =>
  value.split('/').includes('..') ? [invalidValue(path, value, "must not contain '..'")] : [];
