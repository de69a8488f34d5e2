import { runtimeclasses } from '../../api/generated/resources.ts';
import type { Pod, RuntimeClass, Toleration } from '../../api/generated/types.ts';
import { canonicalQuantity } from '../../api/meta/quantity.ts';
import { type AdmissionContext, definePlugin, refused } from './plugin.ts';

/** A pod of a runtime class gets its overhead, and goes only to nodes that have the runtime (KEP-688). */
export const runtimeClass = definePlugin<Pod>({
  name: 'RuntimeClass',
  verbs: ['create'],
  resources: ['pods'],
  admit(context) {
    const { spec } = context.object as Pod;
    if (!spec.runtimeClassName) return;
    const chosen = context.read.get(runtimeclasses, '', spec.runtimeClassName);
    if (!chosen)
      throw refused(context, `pod rejected: RuntimeClass ${JSON.stringify(spec.runtimeClassName)} not found`);
    setOverhead(context, spec, chosen);
    setScheduling(context, spec, chosen);
  },
  validate(context) {
    const { spec } = context.object as Pod;
    const name = spec.runtimeClassName;
    const fixed = (name && context.read.get(runtimeclasses, '', name)?.overhead?.podFixed) || {};
    if (amountsText(spec.overhead) === amountsText(fixed)) return;
    const why = Object.keys(fixed).length
      ? `Pod's Overhead doesn't match RuntimeClass's defined Overhead`
      : 'Pod Overhead set without corresponding RuntimeClass defined Overhead';
    throw refused(context, `pod rejected: ${why}`);
  },
});

const amountsText = (amounts: Record<string, string> | undefined): string =>
  Object.entries(amounts ?? {})
    .map(([resource, amount]) => `${resource}=${canonicalQuantity(amount)}`)
    .sort()
    .join();

function setOverhead(context: AdmissionContext, spec: Pod['spec'], { overhead }: RuntimeClass): void {
  const fixed = overhead?.podFixed;
  if (!fixed) return;
  if (spec.overhead && amountsText(spec.overhead) !== amountsText(fixed)) {
    throw refused(context, `pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead`);
  }
  spec.overhead = { ...fixed };
}

function setScheduling(context: AdmissionContext, spec: Pod['spec'], { scheduling }: RuntimeClass): void {
  const selector = scheduling?.nodeSelector ?? {};
  for (const [key, value] of Object.entries(selector)) {
    const own = spec.nodeSelector?.[key];
    if (own !== undefined && own !== value) {
      throw refused(
        context,
        `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${own}`,
      );
    }
  }
  if (Object.keys(selector).length) spec.nodeSelector = { ...spec.nodeSelector, ...selector };
  const missing = (scheduling?.tolerations ?? []).filter((t) => !spec.tolerations?.some((own) => isSame(own, t)));
  if (missing.length) spec.tolerations = [...(spec.tolerations ?? []), ...missing.map((t) => ({ ...t }))];
}

const isSame = (a: Toleration, b: Toleration): boolean =>
  a.key === b.key && a.operator === b.operator && a.value === b.value && a.effect === b.effect;
