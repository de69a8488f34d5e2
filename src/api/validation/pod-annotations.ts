import type { PodSpec, SeccompProfile, Toleration } from '../generated/types.ts';
import { child, each, type FieldError, forbidden, invalidValue, keyed } from './check.ts';
import { innerPath } from './inner-path.ts';
import { validateToleration } from './placement.ts';
import { eachContainer } from './each-container.ts';

type Annotations = Record<string, string>;

export const mirrorKey = 'kubernetes.io/config.mirror';
const tolerationsKey = 'scheduler.alpha.kubernetes.io/tolerations';
const deletionCostKey = 'controller.kubernetes.io/pod-deletion-cost';
const seccompPodKey = 'seccomp.security.alpha.kubernetes.io/pod';
const seccompPrefix = 'container.seccomp.security.alpha.kubernetes.io/';
export const appArmorPrefix = 'container.apparmor.security.beta.kubernetes.io/';

/** Annotations of pods that once were, or still are, settings. */
export function podAnnotations(annotations: Annotations, spec: PodSpec, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const mirror = annotations[mirrorKey];
  if (mirror !== undefined && !spec.nodeName)
    errors.push(invalidValue(keyed(path, mirrorKey), mirror, 'must set spec.nodeName if mirror pod annotation is set'));
  if (annotations[tolerationsKey]) errors.push(...tolerations(annotations[tolerationsKey], path));
  const cost = annotations[deletionCostKey];
  if (cost !== undefined && !isInt32(cost))
    errors.push(invalidValue(keyed(path, deletionCostKey), cost, 'must be a 32bit integer'));
  for (const [key, value] of Object.entries(annotations)) {
    if (key === seccompPodKey || key.startsWith(seccompPrefix)) errors.push(...seccomp(value, child(path, key)));
    if (key.startsWith(appArmorPrefix)) errors.push(...appArmor(key, value, spec, path));
  }
  return errors;
}

function isInt32(text: string): boolean {
  if (!/^(0|-?[1-9]\d{0,9}|\+[1-9]\d{0,9})$/.test(text) || text.startsWith('+')) return false;
  return Math.abs(Number(text)) <= 2_147_483_647 || text === '-2147483648';
}

function tolerations(text: string, path: string): FieldError[] {
  try {
    const list = JSON.parse(text) as Toleration[];
    return each(list, child(path, tolerationsKey), validateToleration);
  } catch (error) {
    return [invalidValue(path, tolerationsKey, error instanceof Error ? error.message : '')];
  }
}

function seccomp(profile: string, path: string): FieldError[] {
  if (['runtime/default', 'docker/default', 'unconfined'].includes(profile)) return [];
  if (profile.startsWith('localhost/')) return innerPath(path, profile.slice('localhost/'.length));
  return [invalidValue(path, profile, 'must be a valid seccomp profile')];
}

function appArmor(key: string, profile: string, spec: PodSpec, path: string): FieldError[] {
  const name = key.slice(appArmorPrefix.length);
  let known = false;
  eachContainer(spec, '', (container) => {
    known ||= container.name === name;
  });
  const errors = known ? [] : [invalidValue(keyed(path, key), name, 'container not found')];
  if (['', 'runtime/default', 'unconfined'].includes(profile) || profile.startsWith('localhost/')) return errors;
  const text = `invalid AppArmor profile name: ${JSON.stringify(profile)}`;
  return [...errors, invalidValue(keyed(path, key), profile, text)];
}

/** What an annotation says of a profile must be what the field says. */
function disagrees(of: string, annotation: string, profile: SeccompProfile, path: string): FieldError[] {
  const other = forbidden(child(path, 'type'), `${of} type in annotation and field must match`);
  switch (profile.type) {
    case 'Unconfined':
      return annotation === 'unconfined' ? [] : [other];
    case 'RuntimeDefault':
      return annotation === 'runtime/default' || (of === 'seccomp' && annotation === 'docker/default') ? [] : [other];
    case 'Localhost':
      if (!annotation.startsWith('localhost/')) return [other];
      return annotation.slice('localhost/'.length) === profile.localhostProfile
        ? []
        : [forbidden(child(path, 'localhostProfile'), `${of} profile in annotation and field must match`)];
    default:
      return [];
  }
}

export function profilesAgree(annotations: Annotations, spec: PodSpec, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const ofPod = spec?.securityContext;
  const context = 'securityContext';
  const compare = (of: string, key: string, profile: SeccompProfile | undefined, p: string) => {
    const annotation = annotations[key];
    if (profile && annotation !== undefined) errors.push(...disagrees(of, annotation, profile, p));
  };
  compare('seccomp', seccompPodKey, ofPod?.seccompProfile, child(path, `${context}.seccompProfile`));
  if (!spec) return errors;
  eachContainer(spec, path, ({ name, securityContext }, p) => {
    compare('seccomp', seccompPrefix + name, securityContext?.seccompProfile, child(p, `${context}.seccompProfile`));
    if (spec.os?.name === 'windows') return;
    const profile = securityContext?.appArmorProfile ?? ofPod?.appArmorProfile;
    compare('apparmor', appArmorPrefix + name, profile, child(p, `${context}.appArmorProfile`));
  });
  return errors;
}
