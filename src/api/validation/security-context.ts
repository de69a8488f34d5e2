import type { AppArmorProfile, PodSpec, SeccompProfile, SecurityContext } from '../generated/types.ts';
import { userId } from '../meta/name-format.ts';
import { goForm } from '../schema/go-form.ts';
import { child, duplicate, each, type FieldError, invalidValue, oneOf, required, tooLong } from './check.ts';
import { innerPath } from './inner-path.ts';
import { windowsOptions } from './operating-system.ts';

const core = 'io.k8s.api.core.v1.';

const id = (path: string, value: number | undefined): FieldError[] =>
  value === undefined ? [] : userId(value).map((text) => invalidValue(path, value, text));

const profileTypes = ['Localhost', 'RuntimeDefault', 'Unconfined'];

/** A type of profile, or that it is missing. */
const profileType = (path: string, type: string | undefined, of: string): FieldError[] =>
  type ? oneOf(path, type, profileTypes) : [required(path, `type is required when ${of} is set`)];

function seccomp(profile: SeccompProfile | undefined, path: string): FieldError[] {
  if (!profile) return [];
  const { type, localhostProfile } = profile;
  const errors = profileType(child(path, 'type'), type, 'seccompProfile');
  const file = child(path, 'localhostProfile');
  if (type !== 'Localhost')
    return localhostProfile === undefined
      ? errors
      : [
          ...errors,
          invalidValue(
            file,
            goForm(`${core}SeccompProfile`, profile),
            'can only be set when seccomp type is Localhost',
          ),
        ];
  if (localhostProfile === undefined) return [...errors, required(file, 'must be set when seccomp type is Localhost')];
  return [...errors, ...innerPath(file, localhostProfile)];
}

/** The length of the longest path, without its end. */
const longestProfile = 4095;

function appArmor(profile: AppArmorProfile | undefined, path: string): FieldError[] {
  if (!profile) return [];
  const { type, localhostProfile } = profile;
  const file = child(path, 'localhostProfile');
  if (type !== 'Localhost') {
    const errors = profileType(child(path, 'type'), type, 'appArmorProfile');
    if (errors.length === 0 && localhostProfile !== undefined)
      errors.push(invalidValue(file, localhostProfile, 'can only be set when AppArmor type is Localhost'));
    return errors;
  }
  if (!localhostProfile) return [required(file, 'must be set when AppArmor type is Localhost')];
  const errors: FieldError[] = [];
  if (localhostProfile !== localhostProfile.trim())
    errors.push(invalidValue(file, localhostProfile, 'must not be padded with whitespace'));
  if (localhostProfile.length > longestProfile) errors.push(tooLong(file, longestProfile));
  return errors;
}

export function validateContainerSecurity(
  context: SecurityContext | undefined,
  path: string,
  hostUsers: boolean,
): FieldError[] {
  if (!context) return [];
  const mount = child(path, 'procMount');
  const errors = [
    ...id(child(path, 'runAsUser'), context.runAsUser),
    ...id(child(path, 'runAsGroup'), context.runAsGroup),
    ...oneOf(mount, context.procMount, ['Default', 'Unmasked']),
    ...(hostUsers && context.procMount === 'Unmasked'
      ? [invalidValue(mount, context.procMount, '`hostUsers` must be false to use `Unmasked`')]
      : []),
    ...seccomp(context.seccompProfile, child(path, 'seccompProfile')),
  ];
  if (context.allowPrivilegeEscalation === false) {
    const cannot = (what: string) =>
      invalidValue(
        path,
        goForm(`${core}SecurityContext`, context),
        `cannot set \`allowPrivilegeEscalation\` to false and ${what}`,
      );
    if (context.privileged) errors.push(cannot('`privileged` to true'));
    for (const added of context.capabilities?.add ?? [])
      if (added === 'CAP_SYS_ADMIN') errors.push(cannot('`capabilities.Add` CAP_SYS_ADMIN'));
  }
  return [
    ...errors,
    ...windowsOptions(context.windowsOptions, child(path, 'windowsOptions')),
    ...appArmor(context.appArmorProfile, child(path, 'appArmorProfile')),
  ];
}

const sysctlName = /^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$/;

/** Settings of the kernel that belong to a namespace: which of the pod's shares with the node they are barred by. */
const ipcSysctl = /^(kernel\.shm|kernel\.msg|fs\.mqueue\.)|^kernel\.sem$/;

function sysctls(spec: PodSpec, path: string): FieldError[] {
  const names = new Set<string>();
  return each(spec.securityContext?.sysctls, path, ({ name }, p) => {
    const at = child(p, 'name');
    if (!name) return [required(at)];
    const errors: FieldError[] = [];
    const pattern = '^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$';
    if (name.length > 253 || !sysctlName.test(name))
      errors.push(invalidValue(at, name, `must have at most 253 characters and match regex ${pattern}`));
    else if (names.has(name)) errors.push(duplicate(at, name));
    names.add(name);
    const dotted = name.replaceAll('/', '.');
    if (spec.hostNetwork && dotted.startsWith('net.'))
      errors.push(invalidValue(at, name, "may not be specified when 'hostNetwork' is true"));
    else if (spec.hostIPC && ipcSysctl.test(dotted))
      errors.push(invalidValue(at, name, "may not be specified when 'hostIPC' is true"));
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
  if (spec.shareProcessNamespace && spec.hostPID)
    errors.push(
      invalidValue(
        child(at, 'shareProcessNamespace'),
        true,
        'ShareProcessNamespace and HostPID cannot both be enabled',
      ),
    );
  return [
    ...errors,
    ...sysctls(spec, child(at, 'sysctls')),
    ...oneOf(child(at, 'fsGroupChangePolicy'), context.fsGroupChangePolicy, ['Always', 'OnRootMismatch']),
    ...seccomp(context.seccompProfile, child(at, 'seccompProfile')),
    ...windowsOptions(context.windowsOptions, child(at, 'windowsOptions')),
    ...appArmor(context.appArmorProfile, child(at, 'appArmorProfile')),
    ...oneOf(child(at, 'supplementalGroupsPolicy'), context.supplementalGroupsPolicy, ['Merge', 'Strict']),
    ...oneOf(child(at, 'seLinuxChangePolicy'), context.seLinuxChangePolicy, ['MountOption', 'Recursive']),
  ];
}
