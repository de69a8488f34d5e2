import type { Lifecycle, LifecycleHandler, Probe } from '../../../api/generated/types.ts';
import {
  type AnyContainer,
  type Check,
  type CheckedPod,
  containersOf,
  distinct,
  hasOwnUsers,
  named,
  plural,
  quotedList,
  securityOf,
  setters,
  type Violation,
} from './checked-pod.ts';

/** A control that containers break one by one. */
const byContainers =
  (breaks: (container: AnyContainer) => boolean, violation: (containers: AnyContainer[]) => Violation): Check =>
  (pod) => {
    const found = containersOf(pod).filter(breaks);
    return found.length > 0 ? violation(found) : undefined;
  };

const annotationPrefix = 'container.apparmor.security.beta.kubernetes.io/';
const allowedAnnotation = (value: string) =>
  value === '' || value === 'runtime/default' || value.startsWith('localhost/');

export const appArmorProfile: Check = (pod) => {
  const isForbidden = (type: string | undefined) =>
    type !== undefined && type !== 'RuntimeDefault' && type !== 'Localhost';
  const ofPod = pod.spec.securityContext?.appArmorProfile?.type;
  const containers = containersOf(pod).filter((c) => isForbidden(securityOf(c).appArmorProfile?.type));
  const types = distinct(
    [ofPod, ...containers.map((c) => securityOf(c).appArmorProfile?.type)].filter((t) => isForbidden(t)) as string[],
  );
  const annotations = Object.entries(pod.metadata.annotations ?? {})
    .filter(([key, value]) => key.startsWith(annotationPrefix) && !allowedAnnotation(value))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .sort();
  const details =
    types.length > 0
      ? [`${setters(isForbidden(ofPod), containers)} must not set AppArmor profile type to ${quotedList(types)}`]
      : [];
  if (annotations.length > 0)
    details.push(`${plural('annotation', 'annotations', annotations.length)} ${annotations.join(', ')}`);
  if (details.length === 0) return undefined;
  const count = types.length + annotations.length;
  return {
    reason: plural('forbidden AppArmor profile', 'forbidden AppArmor profiles', count),
    detail: details.join('; '),
  };
};

const defaultCapabilities = new Set([
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
]);
const addedBeyond = (allowed: ReadonlySet<string>) => (container: AnyContainer) =>
  (securityOf(container).capabilities?.add ?? []).filter((one) => !allowed.has(one));

/** `container "a" must not include "X" in securityContext.capabilities.add`; undefined: none does. */
export function addedCapabilities(pod: CheckedPod, allowed: ReadonlySet<string>): string | undefined {
  const added = addedBeyond(allowed);
  const found = containersOf(pod).filter((container) => added(container).length > 0);
  if (found.length === 0) return undefined;
  return `${named(found)} must not include ${quotedList(distinct(found.flatMap(added)))} in securityContext.capabilities.add`;
}

export const capabilitiesBaseline: Check = (pod) => {
  const detail = addedCapabilities(pod, defaultCapabilities);
  return detail === undefined ? undefined : { reason: 'non-default capabilities', detail };
};

export const hostNamespaces: Check = ({ spec }) => {
  const shared = (['hostNetwork', 'hostPID', 'hostIPC'] as const).filter((name) => spec[name]);
  return shared.length > 0
    ? { reason: 'host namespaces', detail: shared.map((name) => `${name}=true`).join(', ') }
    : undefined;
};

export const hostPathVolumes: Check = ({ spec }) => {
  const names = (spec.volumes ?? []).filter(({ hostPath }) => hostPath).map(({ name }) => name);
  if (names.length === 0) return undefined;
  return { reason: 'hostPath volumes', detail: `${plural('volume', 'volumes', names.length)} ${quotedList(names)}` };
};

const hostPortsOf = (container: AnyContainer): string[] =>
  (container.ports ?? []).flatMap(({ hostPort }) => (hostPort ? [String(hostPort)] : []));

export const hostPorts = byContainers(
  (container) => hostPortsOf(container).length > 0,
  (found) => {
    const ports = distinct(found.flatMap(hostPortsOf));
    const uses = plural('uses', 'use', found.length);
    return {
      reason: 'hostPort',
      detail: `${named(found)} ${uses} ${plural('hostPort', 'hostPorts', ports.length)} ${ports.join(', ')}`,
    };
  },
);

type Handlers = { livenessProbe?: Probe; readinessProbe?: Probe; startupProbe?: Probe; lifecycle?: Lifecycle };
const hostsOf = (container: AnyContainer): string[] => {
  const { livenessProbe, readinessProbe, startupProbe, lifecycle } = container as Handlers;
  const handlers: (Probe | LifecycleHandler | undefined)[] = [
    livenessProbe,
    readinessProbe,
    startupProbe,
    lifecycle?.postStart,
    lifecycle?.preStop,
  ];
  const hosts = handlers.flatMap((handler) => [handler?.httpGet?.host, handler?.tcpSocket?.host]);
  return hosts.filter(
    (host) => host !== undefined && host !== '' && host !== '127.0.0.1' && host !== '::1',
  ) as string[];
};

/** Whom the kubelet asks for a pod must be the pod (since v1.34). */
export const hostProbes = byContainers(
  (container) => hostsOf(container).length > 0,
  (found) => {
    const hosts = distinct(found.flatMap(hostsOf));
    const uses = plural('uses', 'use', found.length);
    const what = plural('probe or lifecycle host', 'probe or lifecycle hosts', hosts.length);
    return { reason: 'probe or lifecycle host', detail: `${named(found)} ${uses} ${what} ${quotedList(hosts)}` };
  },
);

export const privilegedContainers = byContainers(
  (container) => securityOf(container).privileged === true,
  (found) => ({ reason: 'privileged', detail: `${named(found)} must not set securityContext.privileged=true` }),
);

const isMasked = (type: string | undefined) => type === undefined || type === 'Default';

export const procMount = byContainers(
  (container) => !isMasked(securityOf(container).procMount),
  (found) => {
    const types = distinct(found.map((container) => securityOf(container).procMount ?? ''));
    return {
      reason: 'procMount',
      detail: `${named(found)} must not set securityContext.procMount to ${quotedList(types)}`,
    };
  },
);

/** Users of their own are root nowhere else (since v1.35). */
export const unlessOwnUsers =
  (check: Check): Check =>
  (pod) =>
    hasOwnUsers(pod) ? undefined : check(pod);

export const seLinuxOptions =
  (allowedTypes: readonly string[]): Check =>
  (pod) => {
    const types: string[] = [];
    let [setsUser, setsRole] = [false, false];
    const breaks = (options: { type?: string; user?: string; role?: string } | undefined): boolean => {
      const type = options?.type ?? '';
      const isForbidden = type !== '' && !allowedTypes.includes(type);
      if (isForbidden) types.push(type);
      setsUser ||= Boolean(options?.user);
      setsRole ||= Boolean(options?.role);
      return isForbidden || Boolean(options?.user) || Boolean(options?.role);
    };
    const byPod = breaks(pod.spec.securityContext?.seLinuxOptions);
    const containers = containersOf(pod).filter((container) => breaks(securityOf(container).seLinuxOptions));
    if (!byPod && containers.length === 0) return undefined;
    const known = distinct(types);
    const data = known.length > 0 ? [`${plural('type', 'types', known.length)} ${quotedList(known)}`] : [];
    if (setsUser) data.push('user may not be set');
    if (setsRole) data.push('role may not be set');
    const who = setters(byPod, containers);
    return {
      reason: 'seLinuxOptions',
      detail: `${who} set forbidden securityContext.seLinuxOptions: ${data.join('; ')}`,
    };
  };

const isConfined = (type: string | undefined) =>
  type === undefined || type === 'RuntimeDefault' || type === 'Localhost';

/** Who turns seccomp off; undefined: nobody. */
export function unconfined(pod: CheckedPod): string | undefined {
  const ofPod = pod.spec.securityContext?.seccompProfile?.type;
  const typeOf = (container: AnyContainer) => securityOf(container).seccompProfile?.type;
  const containers = containersOf(pod).filter((container) => !isConfined(typeOf(container)));
  const types = distinct([
    ...(isConfined(ofPod) ? [] : [ofPod as string]),
    ...containers.map((c) => typeOf(c) as string),
  ]);
  if (types.length === 0) return undefined;
  return `${setters(!isConfined(ofPod), containers)} must not set securityContext.seccompProfile.type to ${quotedList(types)}`;
}

export const seccompProfileBaseline: Check = (pod) => {
  const detail = unconfined(pod);
  return detail === undefined ? undefined : { reason: 'seccompProfile', detail };
};

export const sysctls =
  (allowed: readonly string[]): Check =>
  ({ spec }) => {
    const found = (spec.securityContext?.sysctls ?? [])
      .map(({ name }) => name)
      .filter((name) => !allowed.includes(name));
    return found.length > 0 ? { reason: 'forbidden sysctls', detail: found.join(', ') } : undefined;
  };

export const windowsHostProcess: Check = (pod) => {
  const isSet = (options: { hostProcess?: boolean } | undefined) => options?.hostProcess === true;
  const byPod = isSet(pod.spec.securityContext?.windowsOptions);
  const containers = containersOf(pod).filter((container) => isSet(securityOf(container).windowsOptions));
  if (!byPod && containers.length === 0) return undefined;
  return {
    reason: 'hostProcess',
    detail: `${setters(byPod, containers)} must not set securityContext.windowsOptions.hostProcess=true`,
  };
};
