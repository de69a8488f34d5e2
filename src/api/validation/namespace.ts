import type { Namespace } from '../generated/types.ts';
import { qualifiedName } from '../meta/name-format.ts';
import { at, type FieldError, invalidValue, keyFormatted } from './check.ts';

function finalizer(path: string, name: string): FieldError[] {
  const wrong = keyFormatted(path, name, qualifiedName);
  if (wrong.length > 0 || name.includes('/') || ['kubernetes', 'orphan', 'foregroundDeletion'].includes(name))
    return wrong;
  return [invalidValue(path, name, 'name is neither a standard finalizer name nor is it fully qualified')];
}

/** Errors of a new namespace do not say which of the finalizers they mean. */
export const validateNamespace = ({ spec }: Namespace): FieldError[] =>
  (spec.finalizers ?? []).flatMap((name) => finalizer('spec.finalizers', name));

export const validateFinalize = ({ spec }: Namespace): FieldError[] =>
  (spec.finalizers ?? []).flatMap((name, i) => finalizer(at('spec.finalizers', i), name));

export function validateNamespaceStatus({ metadata, status }: Namespace): FieldError[] {
  const phase = metadata.deletionTimestamp ? 'Terminating' : 'Active';
  if (status?.phase === phase) return [];
  const detail = `may only be '${phase}' if \`deletionTimestamp\` is ${phase === 'Active' ? '' : 'not '}empty`;
  return [invalidValue('status.Phase', status?.phase ?? '', detail)];
}
