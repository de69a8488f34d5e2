import { mutatingadmissionpolicies, mutatingadmissionpolicybindings } from '../../api/generated/resources.ts';
import type { Mutation, MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding } from '../../api/generated/types.ts';
import { inVersion } from '../../api/conversions.ts';
import { isJsonObject, type JsonObject } from '../../api/meta/json.ts';
import { memberOf } from '../../api/meta/fields/members.ts';
import { mergeConfig } from '../../api/meta/fields/merge.ts';
import type { Shape } from '../../api/meta/fields/shape.ts';
import { applyJsonPatch } from '../../api/meta/json-patch.ts';
import { StatusError } from '../../api/meta/status-error.ts';
import type { KubeObject } from '../../api/resource.ts';
import { jsonOf } from '../../cel/json.ts';
import type { Evaluation } from './expressions.ts';
import { changeObject, type MutatorSource, typedObject } from './mutators.ts';
import type { AdmissionContext } from './plugin.ts';
import { type Bound, boundPolicies, casesOf, type PolicyDeps, refusedByPolicy } from './policy-cases.ts';
import type { Target } from './rule-matching.ts';

type Case = Bound<MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding>;

/** MutatingAdmissionPolicy (KEP-3962): expressions that say what an object should become, for each binding of the policy. */
export const mutatingPolicies =
  (deps: PolicyDeps): MutatorSource =>
  (context) => {
    // There must be an object that can be changed.
    const policies = context.object && context.verb !== 'connect' ? context.read.list(mutatingadmissionpolicies) : [];
    if (policies.length === 0) return [];
    const bindings = context.read.list(mutatingadmissionpolicybindings);
    return [...boundPolicies(context, { policies, bindings })].map((one) => ({
      reinvocation: one.policy.spec.reinvocationPolicy,
      invoke: () => invoke(deps, context, one),
    }));
  };

async function invoke(deps: PolicyDeps, context: AdmissionContext, one: Case): Promise<boolean> {
  const { failurePolicy, mutations = [] } = one.policy.spec;
  let isChanged = false;
  const fail = (why: string): boolean => {
    if (failurePolicy === 'Ignore') return isChanged;
    const { policy, binding } = one;
    const who = `policy '${policy.metadata.name}' with binding '${binding.metadata.name}'`;
    throw refusedByPolicy(context, `${who} denied request: ${why}`, 'Invalid');
  };
  const cases = await casesOf(deps, context, one);
  if (typeof cases === 'string') return fail(cases);
  for (const { again } of cases) {
    for (const mutation of mutations) {
      const outcome = await mutate(context, mutation, { evaluation: again(), target: one.target });
      if (typeof outcome === 'string') return fail(outcome);
      isChanged ||= outcome;
    }
  }
  return isChanged;
}

/** Whether the mutation changed the object; a text where it failed. */
async function mutate(
  context: AdmissionContext,
  mutation: Mutation,
  { evaluation, target }: { evaluation: Evaluation; target: Target },
): Promise<boolean | string> {
  const expression = (mutation.applyConfiguration ?? mutation.jsonPatch)?.expression ?? '';
  const outcome = await evaluation.run(expression);
  if ('error' in outcome) return `expression '${expression}' resulted in error: ${outcome.error}`;
  try {
    const made = jsonOf(outcome.value);
    if (mutation.patchType === 'JSONPatch') return changeObject(context, () => patched(context, made, target));
    return applyConfiguration(context, made as JsonObject);
  } catch (error) {
    if (error instanceof StatusError) return `error applying patch: ${error.status.message}`;
    throw error;
  }
}

/** The patch is meant for the object in the version in which the policy has seen it. */
function patched({ endpoint, object }: AdmissionContext, patch: unknown, target: Target): KubeObject {
  const seen = inVersion(object as KubeObject, endpoint.kind, target);
  return inVersion(applyJsonPatch(seen, patch) as KubeObject, target, endpoint.kind);
}

/** Lays the configuration over the object as server-side apply would, by nobody in particular. */
function applyConfiguration(context: AdmissionContext, config: JsonObject): boolean | string {
  const { shape } = context.endpoint.type.fields;
  const object = typedObject(context);
  const atomic = atomicPath(shape, config, '');
  if (atomic !== undefined)
    return `error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: ${atomic}`;
  context.endpoint.type.fields.check({ apiVersion: object.apiVersion, kind: object.kind, ...config } as KubeObject);
  return changeObject(context, () => mergeConfig(shape, object, config));
}

/** Where the configuration has a list or an object that can only be replaced as a whole. */
function atomicPath(shape: Shape, value: unknown, path: string): string | undefined {
  if (shape.kind === 'leaf') return typeof value === 'object' && value !== null ? path : undefined;
  const parts: [string, Shape, unknown][] = [];
  if (shape.kind === 'list' && Array.isArray(value))
    for (const [i, item] of value.entries()) parts.push([`${path}[${i}]`, shape.element, item]);
  else if (isJsonObject(value))
    for (const [name, member] of Object.entries(value))
      parts.push([`${path}.${name}`, memberOf(shape, name).shape, member]);
  for (const [at, inner, member] of parts) {
    const found = atomicPath(inner, member, at);
    if (found !== undefined) return found;
  }
  return undefined;
}
