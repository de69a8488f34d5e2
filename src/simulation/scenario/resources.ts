import * as builtIn from '../../api/generated/resources.ts';
import { groupVersion, type Resource } from '../../api/resource.ts';

const all: readonly Resource[] = Object.values(builtIn);

/** Throws for a kind that is not built in. */
export function resourceOfKind(apiVersion: string, kind: string): Resource {
  const found = all.find((resource) => resource.kind === kind && groupVersion(resource) === apiVersion);
  if (!found) throw new Error(`there is no kind ${kind} in ${apiVersion}`);
  return found;
}

/** By its plural (`pods`) or kind in any letters (`Pod`, `pod`); the first group that has it. */
export function resourceNamed(name: string): Resource {
  const found = all.find(({ resource, kind }) => resource === name || kind.toLowerCase() === name.toLowerCase());
  if (!found) throw new Error(`there is no resource ${name}`);
  return found;
}
