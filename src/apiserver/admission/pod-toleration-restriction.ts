import { namespaces } from '../../api/generated/resources.ts';
import type { Pod, Toleration } from '../../api/generated/types.ts';
import { notFound } from '../../api/meta/status-error.ts';
import { type AdmissionContext, type AdmissionPlugin, definePlugin, refused } from './plugin.ts';

const prefix = 'scheduler.alpha.kubernetes.io/';

/** `podtolerationrestriction.admission.k8s.io/v1alpha1` Configuration: for namespaces that say nothing. */
interface Config {
  default?: Toleration[];
  whitelist?: Toleration[];
}

/** Pods get the tolerations of their namespace, and have none that it does not allow. */
export function podTolerationRestriction(configuration: unknown): AdmissionPlugin {
  const config = (configuration ?? {}) as Config;
  return definePlugin<Pod>({
    name: 'PodTolerationRestriction',
    verbs: ['create', 'update'],
    resources: ['pods'],
    admit(context) {
      const { spec, metadata } = context.object as Pod;
      // Whoever changes a pod changes no tolerations that were there.
      if (metadata.deletionTimestamp) return;
      const given = spec.tolerations ?? [];
      const wanted = context.verb === 'create' ? ofNamespace(context, 'defaultTolerations', config.default) : [];
      if (wanted.some((one) => given.some((other) => conflict(one, other))))
        throw refused(context, 'namespace tolerations and pod tolerations conflict');
      const merged = merge([...wanted, ...given, ...pressureOf(context.object as Pod)]);
      if (merged.length > given.length) spec.tolerations = merged;
    },
    validate(context) {
      const { spec } = context.object as Pod;
      const allowed = ofNamespace(context, 'tolerationsWhitelist', config.whitelist);
      if (allowed.length === 0) return;
      if (!(spec.tolerations ?? []).every((one) => allowed.some((wide) => covers(wide, one))))
        throw refused(
          context,
          'pod tolerations (possibly merged with namespace default tolerations) conflict with its namespace whitelist',
        );
    },
  });
}

/** Pods that ask for memory stay where it becomes scarce. */
const pressureOf = ({ spec, status }: Pod): Toleration[] => {
  const asks = spec.containers.some(({ resources }) => resources?.requests?.memory !== undefined);
  const isBestEffort = status?.qosClass === 'BestEffort' || (!status?.qosClass && !asks);
  return isBestEffort ? [] : [{ key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' }];
};

function ofNamespace(
  context: AdmissionContext,
  name: 'defaultTolerations' | 'tolerationsWhitelist',
  otherwise: readonly Toleration[] = [],
): readonly Toleration[] {
  const namespace = context.read.get(namespaces, '', context.namespace);
  if (!namespace) throw notFound(namespaces, context.namespace);
  const text = namespace.metadata.annotations?.[`${prefix}${name}`];
  if (text === undefined) return otherwise;
  try {
    return (JSON.parse(text || '[]') as Toleration[] | null) ?? [];
  } catch (error) {
    throw refused(context, error instanceof Error ? error.message : String(error));
  }
}

const sameTaint = (a: Toleration, b: Toleration): boolean =>
  (a.key ?? '') === (b.key ?? '') && (a.effect ?? '') === (b.effect ?? '');

const isEqual = (a: Toleration, b: Toleration): boolean =>
  sameTaint(a, b) &&
  (a.operator || 'Equal') === (b.operator || 'Equal') &&
  (a.value ?? '') === (b.value ?? '') &&
  a.tolerationSeconds === b.tolerationSeconds;

/** About the same taint, and not the same of it. */
const conflict = (a: Toleration, b: Toleration): boolean => sameTaint(a, b) && !isEqual(a, b);

/** Without what another one covers. */
function merge(tolerations: readonly Toleration[]): Toleration[] {
  const kept: Toleration[] = [];
  for (const [i, one] of tolerations.entries()) {
    const others = [...kept, ...tolerations.slice(i + 1)];
    if (!others.some((wide) => covers(wide, one))) kept.push(one);
  }
  return kept;
}

/** Whether `wide` tolerates all that `narrow` does. */
function covers(wide: Toleration, narrow: Toleration): boolean {
  if (isEqual(wide, narrow)) return true;
  if ((wide.key ?? '') !== (narrow.key ?? '') && wide.key) return false;
  if (wide.effect && wide.effect !== narrow.effect) return false;
  if (wide.effect === 'NoExecute' && wide.tolerationSeconds !== undefined) {
    if (narrow.tolerationSeconds === undefined || wide.tolerationSeconds < narrow.tolerationSeconds) return false;
  }
  if (wide.operator === 'Exists') return true;
  return narrow.operator !== 'Exists' && (wide.value ?? '') === (narrow.value ?? '');
}
