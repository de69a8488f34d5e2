import { Language, type Program } from '../../cel/environment.ts';
import { CompileError } from '../../cel/errors.ts';
import { typeName } from '../../cel/types.ts';
import { adapt } from '../../cel/values.ts';
import { languageDeps } from './language.ts';
import { builtInCelType } from './table-types.ts';

const language = new Language(languageDeps);
const request = builtInCelType('io.k8s.api.authorization.v1.SubjectAccessReviewSpec', 'request');
/** What all conditions of one webhook may cost for one request. */
const costLimit = 10_000_000;

/** A condition over a question about access: `request` is the spec of its SubjectAccessReview (KEP-3221). */
export interface AccessCondition {
  readonly expression: string;
  /** Throws `EvaluationError` or `CostError`. */
  test(spec: unknown): boolean;
}

/** Throws an Error that says what is wrong with the expression. */
export function compileAccessCondition(expression: string): AccessCondition {
  const program = compiled(expression);
  const { kind } = program.type;
  if (kind !== 'bool') throw new Error(`must evaluate to bool but got ${typeName(program.type)}`);
  return {
    expression,
    test: (spec) => program.run({ request: adapt(spec, request) }, costLimit).value === true,
  };
}

function compiled(expression: string): Program {
  try {
    return language.compile(expression, { request });
  } catch (error) {
    if (error instanceof CompileError) throw new Error(`compilation failed: ${error.message}`, { cause: error });
    throw error;
  }
}
