import { ownMember } from '../meta/json.ts';
import type { ResourceRequirements } from '../generated/types.ts';
import { dns1123Label, qualifiedName } from '../meta/name-format.ts';
import { canonicalQuantity, compareQuantity, parseQuantity, type Quantity } from '../meta/quantity.ts';
import {
  child,
  duplicate,
  each,
  type FieldError,
  forbidden,
  formatted,
  invalidValue,
  keyed,
  keyFormatted,
  missing,
  notSupported,
  required,
} from './check.ts';

type Names = (name: string, path: string) => FieldError[];

/** What quotas count by a name of its own. */
export const countedObjects = [
  'configmaps',
  'persistentvolumeclaims',
  'pods',
  'replicationcontrollers',
  'resourcequotas',
  'secrets',
  'services',
  'services.loadbalancers',
  'services.nodeports',
];
const amounts = ['cpu', 'memory', 'ephemeral-storage', 'storage'];
const ofContainers = new Set(['cpu', 'memory', 'ephemeral-storage']);
export const quotaResources = new Set([
  ...amounts,
  ...amounts.map((name) => `requests.${name}`),
  ...['cpu', 'memory', 'ephemeral-storage'].map((name) => `limits.${name}`),
  ...countedObjects,
]);
const nano = 1_000_000_000n;

const isHugePages = (name: string): boolean => name.startsWith('hugepages-');

/** Kubernetes' own: without a domain, or of its domain. */
export const isNative = (name: string): boolean => !name.includes('/') || name.includes('kubernetes.io/');

/** A resource of somebody else (`example.com/gpu`): counted in whole numbers, never overcommitted. */
export const isExtended = (name: string): boolean =>
  !isNative(name) && !name.startsWith('requests.') && qualifiedName(`requests.${name}`).length === 0;

/** Whether more may be used than is there. */
export const isOvercommitted = (name: string): boolean => isNative(name) && !isHugePages(name);

/** The name of a resource: one of the known, or qualified. */
export function resourceName(name: string, path: string): FieldError[] {
  const errors = keyFormatted(path, name, qualifiedName);
  if (errors.length > 0 || name.includes('/')) return errors;
  if (quotaResources.has(name) || isHugePages(name) || name.startsWith('requests.hugepages-')) return [];
  return [invalidValue(path, name, 'must be a standard resource type or fully qualified')];
}

/** The name of a resource that a container can ask for. */
export function containerResourceName(name: string, path: string): FieldError[] {
  const errors = resourceName(name, path);
  if (!name.includes('/'))
    return ofContainers.has(name) || isHugePages(name)
      ? errors
      : [...errors, invalidValue(path, name, 'must be a standard resource for containers')];
  return isNative(name) || isExtended(name)
    ? errors
    : [...errors, invalidValue(path, name, "doesn't follow extended resource name standard")];
}

/** The name of a resource that a pod as a whole can ask for. */
export function podResourceName(name: string, path: string): FieldError[] {
  const errors = resourceName(name, path);
  if (errors.length > 0 || name === 'cpu' || name === 'memory' || isHugePages(name)) return errors;
  return [notSupported(path, name, ['cpu', 'hugepages-', 'memory'])];
}

/** Zero or more; whole numbers where the resource is counted. */
export function resourceAmount(name: string, amount: string, path: string): FieldError[] {
  const { nanos } = parseQuantity(amount);
  const errors: FieldError[] = [];
  if (nanos < 0n) errors.push(invalidValue(path, canonicalQuantity(amount), 'must be greater than or equal to 0'));
  const counted = countedObjects.includes(name) || isExtended(name);
  if (counted && nanos % nano !== 0n) errors.push(invalidValue(path, amount, 'must be an integer'));
  return errors;
}

/** Names and amounts of a list. */
export const validateAmounts = (
  list: Record<string, string> | undefined | null,
  path: string,
  nameOf: Names,
): FieldError[] =>
  Object.entries(list ?? {}).flatMap(([name, amount]) => {
    const at = keyed(path, name);
    return [...nameOf(name, at), ...resourceAmount(name, amount, at), ...wholePages(name, amount, at)];
  });

/** Huge pages are asked for by the page: `hugepages-2Mi`. */
function wholePages(name: string, amount: string, path: string): FieldError[] {
  if (!isHugePages(name)) return [];
  const { nanos } = parseQuantity(amount);
  const size = pageSize(name);
  if (size && nanos > 0n && nanos % size.nanos === 0n) return [];
  return [invalidValue(path, amount, `${canonicalQuantity(amount)} is not positive integer multiple of ${name}`)];
}

function pageSize(name: string): Quantity | undefined {
  try {
    return parseQuantity(name.slice('hugepages-'.length));
  } catch {
    return undefined;
  }
}

/** Names come from outside: what all objects inherit is no amount. */
export const amountOf = (amounts: Record<string, string> | undefined, name: string): string | undefined =>
  amounts && (ownMember(amounts, name) as string | undefined);

function checkRequest(name: string, request: string, resources: ResourceRequirements, path: string): FieldError[] {
  const limit = amountOf(resources.limits, name);
  const strict = !isOvercommitted(name);
  if (limit === undefined)
    return strict ? [required(child(path, 'limits'), 'Limit must be set for non overcommitable resources')] : [];
  const order = compareQuantity(parseQuantity(request), parseQuantity(limit));
  const at = child(path, 'requests');
  if (strict && order !== 0) return [invalidValue(at, request, `must be equal to ${name} limit of ${limit}`)];
  return order > 0 ? [invalidValue(at, request, `must be less than or equal to ${name} limit of ${limit}`)] : [];
}

/** Limits and requests of a container, or of whatever `nameOf` knows the resources of. */
export function validateResources(
  resources: ResourceRequirements | undefined,
  path: string,
  { nameOf = containerResourceName, podClaims }: { nameOf?: Names; podClaims?: ReadonlySet<string> } = {},
): FieldError[] {
  if (!resources) return [];
  const errors = [
    ...validateAmounts(resources.limits, child(path, 'limits'), nameOf),
    ...validateAmounts(resources.requests, child(path, 'requests'), nameOf),
  ];
  for (const [name, request] of Object.entries(resources.requests ?? {}))
    errors.push(...checkRequest(name, request, resources, path));
  const asked = Object.keys({ ...resources.limits, ...resources.requests });
  if (asked.some(isHugePages) && !asked.includes('cpu') && !asked.includes('memory'))
    errors.push(forbidden(path, 'HugePages require cpu or memory'));
  return [...errors, ...checkClaims(resources, child(path, 'claims'), podClaims ?? new Set())];
}

/** A claim is named once as a whole, or once for each of its requests. */
function checkClaims(resources: ResourceRequirements, path: string, podClaims: ReadonlySet<string>): FieldError[] {
  const seen = new Set<string>();
  return each(resources.claims, path, ({ name, request }, p) => {
    if (!name) return [required(p)];
    const errors: FieldError[] = [];
    if (seen.has(name)) errors.push(duplicate(p, name));
    else {
      const id = request ? `${name}/${request}` : name;
      errors.push(...formatted(child(p, 'request'), request, dns1123Label));
      if (seen.has(id)) errors.push(duplicate(p, id));
      else if (!request && [...seen].some((other) => other.startsWith(`${name}/`))) errors.push(duplicate(p, name));
      seen.add(id);
    }
    if (podClaims.has(name)) return errors;
    const known = podClaims.size > 0 ? `: ${[...podClaims].sort().join(', ')}` : ' which is empty';
    const { message, ...error } = missing(p, name);
    const detail = `must be one of the names in pod.spec.resourceClaims${known}`;
    return [...errors, { ...error, message: `${message}: ${detail}` }];
  });
}
