import type { ResourceRequirements } from '../generated/types.ts';
import { qualifiedName } from '../meta/name-format.ts';
import { compareQuantity, parseQuantity } from '../meta/quantity.ts';
import {
  child,
  duplicate,
  each,
  type FieldError,
  forbidden,
  invalidValue,
  keyed,
  keyFormatted,
  missing,
  required,
} from './check.ts';

const standard = new Set(['cpu', 'memory', 'ephemeral-storage', 'storage']);
const nano = 1_000_000_000n;

const isHugePages = (name: string): boolean => name.startsWith('hugepages-');

/** A resource of somebody else (`example.com/gpu`): counted in whole numbers, never overcommitted. */
export const isExtended = (name: string): boolean =>
  name.includes('/') && !name.includes('kubernetes.io/') && !name.startsWith('requests.');

/** The name of a resource that a container can ask for. */
function resourceName(name: string, path: string): FieldError[] {
  const errors = keyFormatted(path, name, qualifiedName);
  if (errors.length > 0) return errors;
  if (!name.includes('/') && !standard.has(name) && !isHugePages(name))
    return [invalidValue(path, name, 'must be a standard resource type or fully qualified')];
  if (name === 'storage') return [invalidValue(path, name, 'must be a standard resource for containers')];
  return [];
}

/** Zero or more; whole numbers where the resource is counted. */
export function resourceAmount(name: string, amount: string, path: string): FieldError[] {
  const { nanos } = parseQuantity(amount);
  const errors: FieldError[] = [];
  if (nanos < 0n) errors.push(invalidValue(path, amount, 'must be greater than or equal to 0'));
  if ((isExtended(name) || isHugePages(name)) && nanos % nano !== 0n)
    errors.push(invalidValue(path, amount, 'must be an integer'));
  return errors;
}

function checkList(list: Record<string, string> | undefined, path: string): FieldError[] {
  return Object.entries(list ?? {}).flatMap(([name, amount]) => [
    ...resourceName(name, path),
    ...resourceAmount(name, amount, keyed(path, name)),
  ]);
}

function checkRequest(name: string, request: string, resources: ResourceRequirements, path: string): FieldError[] {
  const limit = resources.limits?.[name];
  const strict = isExtended(name) || isHugePages(name);
  if (limit === undefined)
    return strict ? [required(child(path, 'limits'), `Limit must be set for non overcommitable resources`)] : [];
  const order = compareQuantity(parseQuantity(request), parseQuantity(limit));
  const at = child(path, 'requests');
  if (strict && order !== 0) return [invalidValue(at, request, `must be equal to ${name} limit of ${limit}`)];
  return order > 0 ? [invalidValue(at, request, `must be less than or equal to ${name} limit of ${limit}`)] : [];
}

export function validateResources(
  resources: ResourceRequirements | undefined,
  path: string,
  podClaims: ReadonlySet<string>,
): FieldError[] {
  if (!resources) return [];
  const errors = [
    ...checkList(resources.limits, child(path, 'limits')),
    ...checkList(resources.requests, child(path, 'requests')),
  ];
  // Amounts of unknown resources are not compared.
  for (const [name, request] of Object.entries(resources.requests ?? {}))
    errors.push(...checkRequest(name, request, resources, path));
  const asked = Object.keys({ ...resources.limits, ...resources.requests });
  if (asked.some(isHugePages) && !asked.includes('cpu') && !asked.includes('memory'))
    errors.push(forbidden(path, 'HugePages require cpu or memory'));
  return [...errors, ...checkClaims(resources, child(path, 'claims'), podClaims)];
}

function checkClaims(resources: ResourceRequirements, path: string, podClaims: ReadonlySet<string>): FieldError[] {
  const seen = new Set<string>();
  return each(resources.claims, path, ({ name, request }, p) => {
    if (!name) return [required(child(p, 'name'))];
    const id = request ? `${name}/${request}` : name;
    const errors = seen.has(id) ? [duplicate(p, id)] : [];
    seen.add(id);
    if (!podClaims.has(name)) errors.push(missing(child(p, 'name'), name));
    return errors;
  });
}
