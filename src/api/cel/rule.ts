import type { Program } from '../../cel/environment.ts';
import { CompileError, InstantiationError } from '../../cel/errors.ts';
import { optional, type Type } from '../../cel/types.ts';
import type { ValidationRule } from '../generated/types.ts';
import { language } from './language.ts';

/** A compiled `x-kubernetes-validations` rule. */
export interface CompiledRule {
  rule: ValidationRule;
  program: Program;
  message: Program | undefined;
  /** It speaks of the value before. */
  isTransition: boolean;
  /** Members from the value to the one that an error names. */
  fieldPath: string;
}

/** Throws `CompileError`. */
export function compileRule(rule: ValidationRule, self: Type): CompiledRule {
  const variables = { self, oldSelf: rule.optionalOldSelf ? optional(self) : self };
  const program = language.compile(rule.rule, variables);
  const message = rule.messageExpression ? language.compile(rule.messageExpression, variables) : undefined;
  const fieldPath = rule.fieldPath ? normalPath(rule.fieldPath) : '';
  return { rule, program, message, isTransition: program.uses.has('oldSelf'), fieldPath };
}

/** `.foo['bar.baz']` as errors show it: `foo[bar.baz]`. */
function normalPath(path: string): string {
  return path
    .replace(/\['((?:[^'\\]|\\.)*)'\]/g, (_all, name: string) => `[${name.replace(/\\(.)/g, '$1')}]`)
    .replace(/^\./, '');
}

/** The message of a compilation that failed; other errors are thrown on. */
export function compilationFailure(error: unknown): string {
  if (error instanceof InstantiationError) return error.message;
  if (error instanceof CompileError) return `compilation failed: ${error.message}`;
  throw error;
}
