import type { Container, ContainerStatus, Pod, PodSpec, Toleration } from '../generated/types.ts';
import { qualifiedName } from '../meta/name-format.ts';
import { at, child, each, type FieldError, forbidden, immutable, invalidValue, keyFormatted, same } from './check.ts';
import { inclusive } from './placement.ts';
import { validatePodSpec } from './pod-spec.ts';

const maxInt32 = 2_147_483_647;

export function validatePod(pod: Pod): FieldError[] {
  const { spec } = pod;
  const errors = validatePodSpec(spec, 'spec');
  const cost = pod.metadata.annotations?.['controller.kubernetes.io/pod-deletion-cost'];
  if (cost !== undefined && !/^[+-]?\d{1,10}$/.test(cost))
    errors.push(
      invalidValue('metadata.annotations[controller.kubernetes.io/pod-deletion-cost]', cost, 'must be a 32bit integer'),
    );
  if (spec.serviceAccountName) return errors;
  const projectsToken = (spec.volumes ?? []).some((v) => v.projected?.sources?.some((s) => s.serviceAccountToken));
  if (projectsToken) errors.push(forbidden('spec.volumes', 'must not be specified when serviceAccountName is not set'));
  return errors;
}

/** Rules that hold only for a pod that is made. */
export function validatePodCreate(pod: Pod): FieldError[] {
  const errors: FieldError[] = [];
  if (pod.spec.ephemeralContainers?.length)
    errors.push(forbidden('spec.ephemeralContainers', 'cannot be set on create'));
  if (pod.spec.nodeName && pod.spec.schedulingGates?.length)
    errors.push(forbidden('spec.nodeName', 'cannot be set until all schedulingGates have been cleared'));
  return errors;
}

/** What is left of a spec when the members that an update may change are taken from the old one. */
function fixedPart(spec: PodSpec, old: Readonly<PodSpec>, gated: boolean): PodSpec {
  const images = (list: Container[] | undefined, oldList: readonly Container[] | undefined) =>
    list?.map((container, i) => ({ ...container, image: oldList?.[i]?.image }));
  const fixed: PodSpec = {
    ...spec,
    containers: images(spec.containers, old.containers) as Container[],
    initContainers: images(spec.initContainers, old.initContainers),
    activeDeadlineSeconds: old.activeDeadlineSeconds,
    tolerations: old.tolerations,
    schedulingGates: old.schedulingGates,
  };
  if ((old.terminationGracePeriodSeconds ?? 0) < 0 && spec.terminationGracePeriodSeconds === 1)
    fixed.terminationGracePeriodSeconds = old.terminationGracePeriodSeconds;
  if (gated) {
    fixed.nodeSelector = old.nodeSelector;
    fixed.affinity = { ...spec.affinity, nodeAffinity: old.affinity?.nodeAffinity };
    if (!fixed.affinity.nodeAffinity) delete fixed.affinity.nodeAffinity;
    if (!old.affinity && Object.keys(fixed.affinity).length === 0) fixed.affinity = undefined;
  }
  return fixed;
}

const defined = (o: object): object => Object.fromEntries(Object.entries(o).filter(([, value]) => value !== undefined));

export function validatePodUpdate(pod: Pod, oldPod: Readonly<Pod>): FieldError[] {
  const { spec } = pod;
  const old = oldPod.spec;
  for (const list of ['containers', 'initContainers'] as const) {
    const what = list === 'containers' ? 'containers' : 'initContainers';
    if ((spec[list]?.length ?? 0) !== (old[list]?.length ?? 0))
      return [forbidden(`spec.${list}`, `pod updates may not add or remove ${what}`)];
  }
  const gated = (old.schedulingGates?.length ?? 0) > 0;
  const errors = [
    ...deadlineUpdate(spec, old),
    ...tolerationsUpdate(spec.tolerations ?? [], old.tolerations ?? []),
    ...gatesUpdate(spec, old),
  ];
  if (errors.length > 0) return errors;
  if (!same(defined(fixedPart(spec, old, gated)), defined(old)))
    errors.push(
      forbidden(
        'spec',
        'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
      ),
    );
  return errors;
}

function deadlineUpdate(spec: PodSpec, old: Readonly<PodSpec>): FieldError[] {
  const path = 'spec.activeDeadlineSeconds';
  const { activeDeadlineSeconds: given } = spec;
  const { activeDeadlineSeconds: before } = old;
  if (given === undefined)
    return before === undefined
      ? []
      : [invalidValue(path, null, 'must not update from a positive integer to nil value')];
  if (given < 0 || given > maxInt32) return inclusive(path, given, { min: 0, max: maxInt32 });
  if (before !== undefined && before < given)
    return [invalidValue(path, given, 'must be less than or equal to previous value')];
  return [];
}

/** Tolerations may be added; those that are there may only change how long they last. */
function tolerationsUpdate(tolerations: Toleration[], old: readonly Toleration[]): FieldError[] {
  const kept = (wanted: Toleration): boolean =>
    tolerations.some((given) => {
      const timed = given.effect === 'NoExecute' && wanted.effect === 'NoExecute';
      return same(
        timed ? { ...given, tolerationSeconds: 0 } : given,
        timed ? { ...wanted, tolerationSeconds: 0 } : wanted,
      );
    });
  if (old.every(kept)) return [];
  return [forbidden('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds')];
}

function gatesUpdate(spec: PodSpec, old: Readonly<PodSpec>): FieldError[] {
  const names = (old.schedulingGates ?? []).map((gate) => gate.name);
  const added = (spec.schedulingGates ?? []).find((gate) => !names.includes(gate.name));
  return added
    ? [forbidden('spec.schedulingGates', `only deletion is allowed, but found new scheduling gate '${added.name}'`)]
    : [];
}

export function validatePodStatusUpdate(pod: Pod, old: Readonly<Pod>): FieldError[] {
  const errors: FieldError[] = [];
  if (pod.spec.nodeName !== old.spec.nodeName) errors.push(forbidden('status.nodeName', 'may not be changed directly'));
  errors.push(
    ...each(pod.status.conditions, 'status.conditions', ({ type }, p) =>
      keyFormatted(child(p, 'type'), type, qualifiedName),
    ),
  );
  if (old.status.qosClass) errors.push(...immutable('status.qosClass', pod.status.qosClass, old.status.qosClass));
  const policy = old.spec.restartPolicy;
  return [
    ...errors,
    ...staysTerminated(pod.status.containerStatuses, old.status.containerStatuses, {
      path: 'status.containerStatuses',
      policy,
    }),
  ];
}

/** A container that ended for good does not run again. */
function staysTerminated(
  statuses: ContainerStatus[] | undefined,
  old: readonly ContainerStatus[] | undefined,
  { path, policy }: { path: string; policy: string | undefined },
): FieldError[] {
  if (policy === 'Always') return [];
  return (old ?? []).flatMap((before) => {
    const ended = before.state?.terminated;
    if (!ended || (policy === 'OnFailure' && ended.exitCode !== 0)) return [];
    const i = (statuses ?? []).findIndex((status) => status.name === before.name);
    if (i < 0 || statuses?.[i]?.state?.terminated) return [];
    return [forbidden(child(at(path, i), 'state'), 'may not be transitioned to non-terminated state')];
  });
}
