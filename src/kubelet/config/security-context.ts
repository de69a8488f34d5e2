import type {
  LinuxContainerSecurityContext,
  LinuxSandboxSecurityContext,
  NamespaceOption,
  SecurityProfile,
} from '../../api/generated/cri.ts';
import type { AppArmorProfile, Pod, SeccompProfile, SecurityContext } from '../../api/generated/types.ts';
import type { AnyContainer } from '../worker/pod-spec.ts';
import { ConfigError } from './config-error.ts';

/** What /proc hides from containers unless they ask for `procMount: Unmasked`; containerd's own defaults, stated. */
const maskedPaths = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
];
const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

export function namespaceOptions(pod: Pod, targetId?: string): NamespaceOption {
  const { hostNetwork, hostPID, hostIPC, shareProcessNamespace } = pod.spec;
  const pid = hostPID ? 'NODE' : shareProcessNamespace ? 'POD' : 'CONTAINER';
  return {
    network: hostNetwork ? 'NODE' : 'POD',
    ipc: hostIPC ? 'NODE' : 'POD',
    // An ephemeral container may look into its target's processes.
    ...(targetId && pid === 'CONTAINER' ? { pid: 'TARGET' as const, targetId } : { pid }),
  };
}

function seccomp(own: SeccompProfile | undefined, ofPod: SeccompProfile | undefined): SecurityProfile {
  const profile = own ?? ofPod;
  if (profile?.type === 'RuntimeDefault') return { profileType: 'RuntimeDefault' };
  if (profile?.type === 'Localhost') return { profileType: 'Localhost', localhostRef: profile.localhostProfile ?? '' };
  return { profileType: 'Unconfined' };
}

/** The profile of the field, else of the annotation that came before it; nothing where there is none. */
function appArmor(pod: Pod, container: AnyContainer): { apparmor?: SecurityProfile } {
  const profile = appArmorProfileOf(pod, container);
  if (!profile) return {};
  const { type, localhostProfile = '' } = profile;
  if (type === 'Localhost') return { apparmor: { profileType: 'Localhost', localhostRef: localhostProfile } };
  return { apparmor: { profileType: type === 'RuntimeDefault' ? 'RuntimeDefault' : 'Unconfined' } };
}

/** What the pod asks of AppArmor for one of its containers. */
export function appArmorProfileOf(pod: Pod, container: AnyContainer): AppArmorProfile | undefined {
  const own = container.securityContext?.appArmorProfile ?? pod.spec.securityContext?.appArmorProfile;
  const text = pod.metadata.annotations?.[`container.apparmor.security.beta.kubernetes.io/${container.name}`];
  if (own || !text) return own;
  if (text === 'runtime/default') return { type: 'RuntimeDefault' };
  const [, localhostProfile] = /^localhost\/(.+)$/.exec(text) ?? [];
  return localhostProfile ? { type: 'Localhost', localhostProfile } : { type: 'Unconfined' };
}

const value = (n: number | undefined) => (n === undefined ? undefined : { value: n });

/** The groups that every container of the pod is in besides its own. */
export function supplementalGroups(pod: Pod): number[] {
  const { supplementalGroups: groups = [], fsGroup } = pod.spec.securityContext ?? {};
  return fsGroup === undefined ? groups : [...groups, fsGroup];
}

export function sandboxSecurityContext(pod: Pod): LinuxSandboxSecurityContext {
  const ofPod = pod.spec.securityContext;
  const all = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  return {
    namespaceOptions: namespaceOptions(pod),
    privileged: all.some((container) => container.securityContext?.privileged === true),
    // The pause process needs no more than the default allows.
    seccomp: { profileType: 'RuntimeDefault' },
    runAsUser: value(ofPod?.runAsUser),
    runAsGroup: value(ofPod?.runAsUser === undefined ? undefined : ofPod.runAsGroup),
    supplementalGroups: supplementalGroups(pod),
  };
}

/** What the image says of its user; an image without a user runs as root. */
export interface ImageUser {
  uid?: number;
  username?: string;
}

export function containerSecurityContext(
  pod: Pod,
  container: AnyContainer,
  { image, targetId }: { image: ImageUser; targetId?: string },
): LinuxContainerSecurityContext {
  const own: SecurityContext = container.securityContext ?? {};
  const ofPod = pod.spec.securityContext ?? {};
  const runAsUser = own.runAsUser ?? ofPod.runAsUser;
  if (own.runAsNonRoot ?? ofPod.runAsNonRoot) verifyNonRoot(pod, container, { runAsUser, image });
  const isPrivileged = own.privileged === true;
  const unmasked = isPrivileged || own.procMount === 'Unmasked';
  // A user that only the image names is given by number where the image has one.
  const user = runAsUser ?? image.uid;
  return {
    namespaceOptions: namespaceOptions(pod, targetId),
    privileged: isPrivileged,
    ...(user === undefined
      ? image.username
        ? { runAsUsername: image.username }
        : {}
      : { runAsUser: { value: user } }),
    runAsGroup: value(own.runAsGroup ?? ofPod.runAsGroup),
    supplementalGroups: supplementalGroups(pod),
    supplementalGroupsPolicy: ofPod.supplementalGroupsPolicy ?? 'Merge',
    readonlyRootfs: own.readOnlyRootFilesystem ?? false,
    capabilities: { addCapabilities: own.capabilities?.add ?? [], dropCapabilities: own.capabilities?.drop ?? [] },
    noNewPrivs: own.allowPrivilegeEscalation === false,
    seccomp: isPrivileged ? { profileType: 'Unconfined' } : seccomp(own.seccompProfile, ofPod.seccompProfile),
    // A privileged container is not confined.
    ...(isPrivileged ? {} : appArmor(pod, container)),
    maskedPaths: unmasked ? [] : maskedPaths,
    readonlyPaths: unmasked ? [] : readonlyPaths,
  };
}

function verifyNonRoot(pod: Pod, container: AnyContainer, user: { runAsUser?: number; image: ImageUser }): void {
  const where = `(pod: "${pod.metadata.name}_${pod.metadata.namespace}(${pod.metadata.uid})", container: ${container.name})`;
  if (user.runAsUser !== undefined) {
    if (user.runAsUser === 0) throw new ConfigError(`container's runAsUser breaks non-root policy ${where}`);
    return;
  }
  const { uid, username } = user.image;
  if (uid === undefined && username) {
    const what = `container has runAsNonRoot and image has non-numeric user (${username}), cannot verify user is non-root`;
    throw new ConfigError(`${what} ${where}`);
  }
  if (!uid) throw new ConfigError(`container has runAsNonRoot and image will run as root ${where}`);
}
