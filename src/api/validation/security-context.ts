import type {
  AppArmorProfile,
  PodSecurityContext,
  PodSpec,
  SeccompProfile,
  SecurityContext,
} from '../generated/types.ts';
import { userId } from '../meta/name-format.ts';
import { noBacksteps } from './inner-path.ts';
import { child, duplicate, each, type FieldError, invalidValue, oneOf, required, requiredOneOf } from './check.ts';

const id = (path: string, value: number | undefined): FieldError[] =>
  value === undefined ? [] : userId(value).map((text) => invalidValue(path, value, text));

const profileTypes = ['Localhost', 'RuntimeDefault', 'Unconfined'];

function seccomp(profile: SeccompProfile | undefined, path: string): FieldError[] {
  if (!profile) return [];
  const errors = requiredOneOf(child(path, 'type'), profile.type, profileTypes);
  const file = child(path, 'localhostProfile');
  if (profile.type === 'Localhost') {
    if (!profile.localhostProfile) errors.push(required(file, 'must be set when seccomp type is Localhost'));
    else errors.push(...localPath(file, profile.localhostProfile));
  } else if (profile.localhostProfile !== undefined)
    errors.push(invalidValue(file, profile.localhostProfile, 'can only be set when seccomp type is Localhost'));
  return errors;
}

const localPath = (path: string, value: string): FieldError[] => [
  ...(value.startsWith('/') ? [invalidValue(path, value, 'must be a relative path')] : []),
  ...noBacksteps(path, value),
];

function appArmor(profile: AppArmorProfile | undefined, path: string): FieldError[] {
  if (!profile) return [];
  const errors = requiredOneOf(child(path, 'type'), profile.type, profileTypes);
  const file = child(path, 'localhostProfile');
  if (profile.type === 'Localhost' && !profile.localhostProfile?.trim())
    errors.push(required(file, 'must be set when AppArmor type is Localhost'));
  if (profile.type !== 'Localhost' && profile.localhostProfile !== undefined)
    errors.push(invalidValue(file, profile.localhostProfile, 'can only be set when AppArmor type is Localhost'));
  return errors;
}

const escalates = (context: SecurityContext): boolean =>
  context.capabilities?.add?.some((c) => c === 'CAP_SYS_ADMIN' || c === 'SYS_ADMIN') ?? false;

export function validateContainerSecurity(context: SecurityContext | undefined, path: string): FieldError[] {
  if (!context) return [];
  const errors = [
    ...id(child(path, 'runAsUser'), context.runAsUser),
    ...id(child(path, 'runAsGroup'), context.runAsGroup),
    ...oneOf(child(path, 'procMount'), context.procMount, ['Default', 'Unmasked']),
    ...seccomp(context.seccompProfile, child(path, 'seccompProfile')),
    ...appArmor(context.appArmorProfile, child(path, 'appArmorProfile')),
  ];
  if (context.allowPrivilegeEscalation === false) {
    const cannot = (what: string) =>
      invalidValue(path, context, `cannot set \`allowPrivilegeEscalation\` to false and ${what}`);
    if (context.privileged) errors.push(cannot('`privileged` to true'));
    if (escalates(context)) errors.push(cannot('`capabilities.Add` CAP_SYS_ADMIN'));
  }
  return errors;
}

const sysctlName = /^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$/;

function sysctls(context: PodSecurityContext, path: string): FieldError[] {
  const names = new Set<string>();
  return each(context.sysctls, path, ({ name }, p) => {
    if (!name) return [required(child(p, 'name'))];
    const canonical = name.replaceAll('/', '.');
    const errors: FieldError[] = [];
    if (name.length > 253 || !sysctlName.test(name))
      errors.push(
        invalidValue(
          child(p, 'name'),
          name,
          'must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$',
        ),
      );
    else if (names.has(canonical)) errors.push(duplicate(child(p, 'name'), name));
    names.add(canonical);
    return errors;
  });
}

export function validatePodSecurity(spec: PodSpec, path: string): FieldError[] {
  const context = spec.securityContext ?? {};
  const at = child(path, 'securityContext');
  const errors = [
    ...id(child(at, 'fsGroup'), context.fsGroup),
    ...id(child(at, 'runAsUser'), context.runAsUser),
    ...id(child(at, 'runAsGroup'), context.runAsGroup),
    ...each(context.supplementalGroups, child(at, 'supplementalGroups'), (group, p) => id(p, group)),
  ];
  if (spec.shareProcessNamespace && spec.hostPID) {
    const detail = 'ShareProcessNamespace and HostPID cannot both be enabled';
    errors.push(invalidValue(child(path, 'shareProcessNamespace'), true, detail));
  }
  return [
    ...errors,
    ...sysctls(context, child(at, 'sysctls')),
    ...oneOf(child(at, 'fsGroupChangePolicy'), context.fsGroupChangePolicy, ['Always', 'OnRootMismatch']),
    ...seccomp(context.seccompProfile, child(at, 'seccompProfile')),
    ...appArmor(context.appArmorProfile, child(at, 'appArmorProfile')),
    ...oneOf(child(at, 'supplementalGroupsPolicy'), context.supplementalGroupsPolicy, ['Merge', 'Strict']),
    ...oneOf(child(at, 'seLinuxChangePolicy'), context.seLinuxChangePolicy, ['MountOption', 'Recursive']),
  ];
}
