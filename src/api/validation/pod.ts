import type { Container, Pod, PodSpec, Toleration } from '../generated/types.ts';
import { goDiff } from '../schema/go-diff.ts';
import { goForm } from '../schema/go-form.ts';
import { child, defined, each, type FieldError, forbidden, invalidValue, keyed, same } from './check.ts';
import { inclusive } from './placement.ts';
import { appArmorPrefix, mirrorKey, podAnnotations, profilesAgree } from './pod-annotations.ts';
import { untrimmedImage } from './pod-containers.ts';
import { validatePodSpec } from './pod-spec.ts';

const maxInt32 = 2_147_483_647;

export function validatePod({ metadata, spec }: Pod): FieldError[] {
  const errors = [
    ...podAnnotations(metadata.annotations ?? {}, spec, 'metadata.annotations'),
    ...validatePodSpec(spec, 'spec', metadata.name ?? ''),
  ];
  if (!spec.serviceAccountName)
    for (const [i, volume] of (spec.volumes ?? []).entries())
      for (const [j, source] of (volume.projected?.sources ?? []).entries())
        if (source.serviceAccountToken)
          errors.push(
            forbidden(
              `spec.volumes[${i}].projected.sources[${j}].serviceAccountToken`,
              'must not be specified when serviceAccountName is not set',
            ),
          );
  return [
    ...errors,
    ...each(spec.containers, 'spec.containers', untrimmedImage),
    ...each(spec.initContainers, 'spec.initContainers', untrimmedImage),
  ];
}

/** Rules that hold only for a pod that is made. */
export function validatePodCreate({ metadata, spec }: Pod): FieldError[] {
  const errors: FieldError[] = [];
  if (spec.ephemeralContainers?.length) errors.push(forbidden('spec.ephemeralContainers', 'cannot be set on create'));
  if (spec.nodeName && spec.schedulingGates?.length)
    errors.push(forbidden('spec.nodeName', 'cannot be set until all schedulingGates have been cleared'));
  return [...errors, ...profilesAgree(metadata.annotations ?? {}, spec, 'spec')];
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
    if (!old.affinity && Object.values(fixed.affinity).every((member) => member === undefined))
      fixed.affinity = undefined;
  }
  return defined(fixed);
}

const changeable = [
  '`spec.containers[*].image`',
  '`spec.initContainers[*].image`',
  '`spec.activeDeadlineSeconds`',
  '`spec.tolerations` (only additions to existing tolerations)',
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
].join(',');

export function validatePodUpdate(pod: Pod, oldPod: Readonly<Pod>): FieldError[] {
  const { spec } = pod;
  const old = oldPod.spec;
  const errors = fixedAnnotations(pod, oldPod);
  for (const list of ['containers', 'initContainers'] as const) {
    if ((spec[list]?.length ?? 0) !== (old[list]?.length ?? 0))
      return [...errors, forbidden(`spec.${list}`, 'pod updates may not add or remove containers')];
  }
  const deadline = deadlineUpdate(spec, old);
  errors.push(...deadline);
  if (deadline.length > 0 && spec.activeDeadlineSeconds !== undefined) return errors;
  errors.push(...tolerationsUpdate(spec.tolerations ?? [], old.tolerations ?? []), ...gatesUpdate(spec, old));
  const gated = (old.schedulingGates?.length ?? 0) > 0;
  if (gated) errors.push(...gatedPlacement(spec, old));
  const fixed = fixedPart(spec, old, gated);
  if (same(fixed, defined(old))) return errors;
  const diff = goDiff('io.k8s.api.core.v1.PodSpec', old, fixed);
  return [...errors, forbidden('spec', `pod updates may not change fields other than ${changeable}\n${diff}`)];
}

/** Annotations that once were settings stay as they were made. */
function fixedAnnotations({ metadata }: Pod, { metadata: old }: Readonly<Pod>): FieldError[] {
  const [now, before] = [metadata.annotations ?? {}, old.annotations ?? {}];
  const what = (key: string) =>
    key === mirrorKey ? 'mirror pod annotation' : key.startsWith(appArmorPrefix) ? 'AppArmor annotations' : undefined;
  return [...new Set([...Object.keys(before), ...Object.keys(now)])].flatMap((key) => {
    const name = what(key);
    if (!name || now[key] === before[key]) return [];
    const verb = before[key] === undefined ? 'add' : 'remove or update';
    return [forbidden(keyed('metadata.annotations', key), `may not ${verb} ${name}`)];
  });
}

/** Where a pod may run can be narrowed while it waits at its gates (KEP-3838). */
function gatedPlacement(spec: PodSpec, old: Readonly<PodSpec>): FieldError[] {
  const errors: FieldError[] = [];
  const kept = Object.entries(old.nodeSelector ?? {}).every(([key, value]) => spec.nodeSelector?.[key] === value);
  if (!kept)
    errors.push(
      invalidValue(
        'spec.nodeSelector',
        spec.nodeSelector ?? null,
        'only additions to spec.nodeSelector are allowed (no mutations or deletions)',
      ),
    );
  const needed = 'requiredDuringSchedulingIgnoredDuringExecution';
  const before = old.affinity?.nodeAffinity?.[needed]?.nodeSelectorTerms ?? [];
  const now = spec.affinity?.nodeAffinity?.[needed]?.nodeSelectorTerms ?? [];
  const path = `spec.affinity.nodeAffinity.${needed}.nodeSelectorTerms`;
  const shown = (terms: unknown) => goForm('[]io.k8s.api.core.v1.NodeSelectorTerm', terms);
  if (before.length === 0) return errors;
  if (before.length !== now.length)
    return [
      ...errors,
      invalidValue(
        path,
        now.length > 0 ? shown(now) : null,
        'no additions/deletions to non-empty NodeSelectorTerms list are allowed',
      ),
    ];
  const onlyLonger = (list: unknown[] = [], start: readonly unknown[] = []) => same(list.slice(0, start.length), start);
  for (const [i, term] of now.entries()) {
    const { matchExpressions, matchFields } = before[i] ?? {};
    const wasEmpty = !matchExpressions?.length && !matchFields?.length;
    const isEmpty = !term.matchExpressions?.length && !term.matchFields?.length;
    if (
      wasEmpty
        ? isEmpty
        : onlyLonger(term.matchExpressions, matchExpressions) && onlyLonger(term.matchFields, matchFields)
    )
      continue;
    errors.push(
      invalidValue(
        `${path}[${i}]`,
        goForm('io.k8s.api.core.v1.NodeSelectorTerm', term),
        'only additions are allowed (no mutations or deletions)',
      ),
    );
  }
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
  const untimed = (toleration: Toleration) => ({ ...toleration, tolerationSeconds: undefined });
  const kept = (wanted: Toleration): boolean =>
    tolerations.some((given) => same(defined(untimed(given)), defined(untimed(wanted))));
  if (old.every(kept)) return [];
  return [forbidden('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds')];
}

function gatesUpdate(spec: PodSpec, old: Readonly<PodSpec>): FieldError[] {
  const names = (old.schedulingGates ?? []).map((gate) => gate.name);
  return each(spec.schedulingGates, 'spec.schedulingGates', ({ name }, p) =>
    names.includes(name)
      ? []
      : [forbidden(child(p, 'name'), `only deletion is allowed, but found new scheduling gate '${name}'`)],
  );
}
