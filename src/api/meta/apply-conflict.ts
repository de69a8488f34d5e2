import type { StatusCause } from '../generated/types.ts';
import { type FieldSet, isMember } from './field-set.ts';
import type { Owner } from './fields/owners.ts';
import { pathText } from './fields/path.ts';
import { StatusError } from './status-error.ts';

/** Fields that an applier wants otherwise than one who owns them. */
export interface Conflict {
  owner: Owner;
  set: FieldSet;
}

/** The paths of a set as messages show them, those of a node before those below it. */
export function pathsOf(set: FieldSet): string[] {
  const paths: string[] = [];
  const walk = (node: FieldSet, steps: string[]): void => {
    const children = Object.entries(node).filter(([step]) => step !== '.');
    for (const [step, child] of children) if (isMember(child)) paths.push(pathText([...steps, step]));
    for (const [step, child] of children) walk(child, [...steps, step]);
  };
  walk(set, []);
  return paths;
}

function ownerText({ manager, subresource, operation, apiVersion }: Owner): string {
  const name = JSON.stringify(manager) + (subresource ? ` with subresource ${JSON.stringify(subresource)}` : '');
  return operation === 'Update' ? `${name} using ${apiVersion}` : name;
}

/** 409 with a cause for each field, in Kubernetes' words. */
export function applyConflict(conflicts: Conflict[]): StatusError {
  const listed = conflicts
    .map(({ owner, set }) => ({ who: ownerText(owner), paths: pathsOf(set) }))
    .sort((a, b) => (a.who < b.who ? -1 : 1));
  const causes: StatusCause[] = listed.flatMap(({ who, paths }) =>
    paths.map((field) => ({ reason: 'FieldManagerConflict', message: `conflict with ${who}`, field })),
  );
  const text =
    causes.length === 1
      ? `1 conflict: ${causes[0]?.message}: ${causes[0]?.field}`
      : `${causes.length} conflicts: ${listed.map(({ who, paths }) => `conflicts with ${who}:\n${paths.map((path) => `- ${path}`).join('\n')}`).join('\n')}`;
  return StatusError.of('Conflict', `Apply failed with ${text}`, { causes });
}
