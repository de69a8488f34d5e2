import { Language, type Program } from '../../cel/environment.ts';
import type { CompileError } from '../../cel/errors.ts';
import { fn } from '../../cel/signature.ts';
import { type Constructible, dyn, type ObjectType, string, type Type } from '../../cel/types.ts';
import { authorizerFunctions } from './authorizer-library.ts';
import { languageDeps } from './language.ts';
import { compileWith } from './policy-language.ts';

const root = 'Object';
export const patchTypeName = 'JSONPatch';

/** `Object`, `Object.spec`, …: a part of an object, named by its path; of lists, the part that each element is. */
function partOf(name: string): Constructible {
  const refuses = (field: string, value: Type): string | undefined => {
    const inner = value.kind === 'list' ? value.element : value;
    if (inner.kind !== 'object' || !inner.name.startsWith(`${root}.`) || inner.name === `${name}.${field}`)
      return undefined;
    return `unexpected type name "${inner.name}", expected "${name}.${field}", which matches field name path from root Object type`;
  };
  return { type: { kind: 'object', name, field: (field) => ({ type: dyn, member: field }) }, refuses };
}

const operationFields: Record<string, Type> = { op: string, path: string, from: string, value: dyn };
const operation: ObjectType = {
  kind: 'object',
  name: patchTypeName,
  field: (member) => (operationFields[member] ? { type: operationFields[member], member } : undefined),
};

function structs(name: string): Constructible | undefined {
  if (name === patchTypeName) return { type: operation };
  return name === root || name.startsWith(`${root}.`) ? partOf(name) : undefined;
}

/** A name as a step of a JSON pointer (RFC 6901 §3). */
const escapeKey = fn(
  'jsonpatch.escapeKey(string): string',
  (key: string) => key.replaceAll('~', '~0').replaceAll('/', '~1'),
  {
    work: (size = 0) => Math.ceil(size / 10),
  },
);

const language = new Language(languageDeps, [...authorizerFunctions, escapeKey], structs);

/** The program of a mutation (KEP-3962); what is wrong with it where there is none. */
export const compileMutation = (text: string, hidden: readonly string[] = []): Program | CompileError =>
  compileWith(language, text, { hidden });

/** What is wrong with what a mutation comes to: an apply configuration is an object, a JSON patch a list of operations. */
export function mutationTypeError({ type }: Program, patchType: string): string | undefined {
  if (type.kind === 'dyn') return undefined;
  const isObject = type.kind === 'object' && type.name === root;
  const element = type.kind === 'list' ? type.element : undefined;
  const isPatch =
    element &&
    (element.kind !== 'object' ? element.kind === 'param' || element.kind === 'dyn' : element.name === patchTypeName);
  if (patchType === 'ApplyConfiguration') return isObject ? undefined : 'must evaluate to Object';
  return isPatch ? undefined : `must evaluate to list(${patchTypeName})`;
}
