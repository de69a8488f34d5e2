import { Language, type Program } from '../../cel/environment.ts';
import { CompileError } from '../../cel/errors.ts';
import { dyn, opaque, type Type } from '../../cel/types.ts';
import { authorizerFunctions } from './authorizer-library.ts';
import { languageDeps } from './language.ts';

const policies = new Language(languageDeps, authorizerFunctions);

/** What expressions of policies and of conditions of webhooks see of a request. */
const variables: Record<string, Type> = {
  object: dyn,
  oldObject: dyn,
  request: dyn,
  params: dyn,
  namespaceObject: dyn,
  variables: dyn,
  authorizer: opaque('kubernetes.authorization.Authorizer'),
};

/** The program of an expression; what is wrong with it where there is none. `hidden`: variables that it cannot use. */
export const compilePolicy = (text: string, hidden: readonly string[] = []): Program | CompileError =>
  compileWith(policies, text, { hidden });

/** The same, where more is known of the variables. */
export const checkPolicy = (text: string, types: Readonly<Record<string, Type>>): Program | CompileError =>
  compileWith(policies, text, { types });

export function compileWith(
  language: Language,
  text: string,
  { types = {}, hidden = [] }: { types?: Readonly<Record<string, Type>>; hidden?: readonly string[] } = {},
): Program | CompileError {
  const known = Object.entries({ ...variables, ...types }).filter(([name]) => !hidden.includes(name));
  try {
    return language.compile(text, Object.fromEntries(known));
  } catch (error) {
    if (error instanceof CompileError) return error;
    throw error;
  }
}
