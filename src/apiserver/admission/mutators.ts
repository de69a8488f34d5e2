import { equalJson, type JsonObject } from '../../api/meta/json.ts';
import { internalError } from '../../api/meta/status-error.ts';
import type { KubeObject } from '../../api/resource.ts';
import { timestamp } from '../context.ts';
import type { AdmissionContext, AdmissionPlugin } from './plugin.ts';
import { isExempt } from './webhook-dispatch.ts';

/** A webhook, or a policy with one of its bindings: may change an object. */
export interface Mutator {
  /** `IfNeeded`: asked again when another has changed the object after it. */
  reinvocation: string | undefined;
  /** Whether it changed the object. Rejects with `StatusError` when it refuses. */
  invoke(): Promise<boolean>;
}

/** The mutators that may care for a request, in their order. */
export type MutatorSource = (context: AdmissionContext) => Mutator[];

/** All that changes objects by configuration: policies before webhooks, each again at most once. */
export const mutators = (sources: readonly MutatorSource[]): AdmissionPlugin => ({
  name: 'MutatingAdmissionPolicy,MutatingAdmissionWebhook',
  verbs: ['create', 'update', 'delete', 'connect'],
  resources: ['*'],
  admit(context) {
    if (isExempt(context)) return undefined;
    const found = sources.flatMap((source) => source(context));
    return found.length > 0 ? run(found) : undefined;
  },
});

async function run(found: readonly Mutator[]): Promise<void> {
  const asked = new Map<Mutator, number>();
  let changes = 0;
  for (const mutator of found) {
    if (await mutator.invoke()) changes++;
    asked.set(mutator, changes);
  }
  for (const [mutator, seen] of asked)
    if (mutator.reinvocation === 'IfNeeded' && changes > seen && (await mutator.invoke())) changes++;
}

/** The object of a request as its writer would send it. */
export function typedObject({ endpoint, object }: AdmissionContext): KubeObject {
  const { group, version, kind } = endpoint.kind;
  return { ...(object as KubeObject), kind, apiVersion: group ? `${group}/${version}` : version };
}

/** Gives the object of a request another content; answers whether that changed anything. */
export function changeObject({ endpoint, object, clock }: AdmissionContext, content: () => unknown): boolean {
  try {
    const decoded = endpoint.type.decode(content()).object;
    return replaceContent(
      object as KubeObject,
      endpoint.type.defaults(decoded, () => timestamp(clock.now())),
    );
  } catch (error) {
    throw internalError(error);
  }
}

/** The object stays the same for all who hold it. */
function replaceContent(object: KubeObject, content: KubeObject): boolean {
  if (equalJson(object, content)) return false;
  const target = object as unknown as JsonObject;
  for (const name of Object.keys(target)) delete target[name];
  Object.assign(target, content);
  return true;
}
