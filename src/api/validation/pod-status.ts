import type {
  Container,
  ContainerExtendedResourceRequest,
  ContainerStatus,
  Pod,
  PodStatus,
  ResourceStatus,
} from '../generated/types.ts';
import { dns1123Label, dns1123Subdomain, qualifiedName, userId } from '../meta/name-format.ts';
import { familyOf, ipAddress, unknownFamily } from './address.ts';
import {
  child,
  duplicate,
  each,
  type FieldError,
  forbidden,
  immutable,
  invalidValue,
  keyFormatted,
  nonNegative,
  notSupported,
  required,
  requiredFormatted,
  tooLong,
} from './check.ts';

const systemConditions = ['PodScheduled', 'Ready', 'Initialized'];
const lists = { containerStatuses: 'containers', initContainerStatuses: 'initContainers' } as const;

export function validatePodStatusUpdate(pod: Pod, old: Readonly<Pod>): FieldError[] {
  const { spec, status } = pod;
  const errors: FieldError[] = each(status.conditions, 'metadata.conditions', ({ type, observedGeneration }, p) => [
    ...(systemConditions.includes(type) ? [] : keyFormatted(child(p, 'Type'), type, qualifiedName)),
    ...nonNegative(child(p, 'observedGeneration'), observedGeneration),
  ]);
  if (spec.nodeName !== old.spec.nodeName) errors.push(forbidden('status.nodeName', 'may not be changed directly'));
  if (status.nominatedNodeName && status.nominatedNodeName !== old.status.nominatedNodeName)
    errors.push(...keyFormatted('status.nominatedNodeName', status.nominatedNodeName, dns1123Subdomain));
  if (old.spec.nodeName && status.nominatedNodeName && status.nominatedNodeName !== old.status.nominatedNodeName)
    errors.push(forbidden('status.nominatedNodeName', 'may not be set on pods that are already bound to a node'));
  errors.push(...nonNegative('status.observedGeneration', status.observedGeneration));
  errors.push(...immutable('status.qosClass', status.qosClass, old.status.qosClass));
  return [
    ...errors,
    ...transitions(pod, old),
    ...claimStatuses(pod),
    ...extendedClaim(pod),
    ...addresses(status),
    ...containerStatuses(pod),
  ];
}

/**
 * Containers that ended for good do not run again: those for debugging never, sidecars always, all others when a rule may restart
 * all of them (KEP-5532).
 */
function transitions({ status }: Pod, { spec, status: old }: Readonly<Pod>): FieldError[] {
  const { containers, initContainers = [] } = spec;
  const isToRestartAll = [...initContainers, ...containers].some((container) =>
    container.restartPolicyRules?.some(({ action }) => action === 'RestartAllContainers'),
  );
  const policy = isToRestartAll ? 'Always' : spec.restartPolicy;
  const withOwn = (list: Container[]) => list.filter((c) => c.restartPolicy ?? c.restartPolicyRules).map((c) => c.name);
  return [
    ...staysTerminated(status, old, { list: 'containerStatuses', policy, except: withOwn(containers) }),
    ...staysTerminated(status, old, { list: 'initContainerStatuses', policy, except: withOwn(initContainers) }),
    ...staysTerminated(status, old, { list: 'ephemeralContainerStatuses', policy: 'Never', except: [] }),
  ];
}

function staysTerminated(
  status: PodStatus,
  old: Readonly<PodStatus>,
  {
    list,
    policy,
    except,
  }: {
    list: 'containerStatuses' | 'initContainerStatuses' | 'ephemeralContainerStatuses';
    policy: string | undefined;
    except: string[];
  },
): FieldError[] {
  if (policy === 'Always') return [];
  return each(old[list], `status.${list}`, (before, p) => {
    const ended = before.state?.terminated;
    if (!ended || except.includes(before.name) || (policy === 'OnFailure' && ended.exitCode !== 0)) return [];
    const now = (status[list] ?? []).find(({ name }) => name === before.name);
    return !now || now.state?.terminated
      ? []
      : [forbidden(child(p, 'state'), 'may not be transitioned to non-terminated state')];
  });
}

function claimStatuses({ spec, status }: Pod): FieldError[] {
  const claims = new Set((spec.resourceClaims ?? []).map(({ name }) => name));
  const names = new Set<string>();
  return each(status.resourceClaimStatuses, 'status.resourceClaimStatuses', ({ name, resourceClaimName }, p) => {
    const path = child(p, 'name');
    const errors = claims.has(name)
      ? []
      : [invalidValue(path, name, 'must match the name of an entry in `spec.resourceClaims`')];
    if (names.has(name)) errors.push(duplicate(path, name));
    names.add(name);
    return resourceClaimName === undefined
      ? errors
      : [...errors, ...keyFormatted(path, resourceClaimName, dns1123Subdomain)];
  });
}

/** The claim that was made for resources which containers ask for by name (KEP-5004), and what of it each of them gets. */
function extendedClaim({ spec, status }: Pod): FieldError[] {
  const claim = status.extendedResourceClaimStatus;
  if (!claim) return [];
  const path = 'status.extendedResourceClaimStatus';
  const mappings = child(path, 'requestMappings');
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  const seen = new Set<string>();
  const errors = claim.requestMappings?.length
    ? each(claim.requestMappings, mappings, (mapping, p) => {
        const own = unmatched(mapping, p, containers);
        const { requestName: name } = mapping;
        own.push(...keyFormatted(child(path, 'requestName'), name, dns1123Label));
        const key = JSON.stringify([mapping.containerName, mapping.resourceName, name]);
        if (seen.has(key))
          for (const member of ['containerName', 'resourceName', 'requestName'] as const)
            own.push(duplicate(child(p, member), mapping[member]));
        seen.add(key);
        return own;
      })
    : [required(mappings, 'at least one request mapping is required')];
  return [...errors, ...requiredFormatted(child(path, 'resourceClaimName'), claim.resourceClaimName, dns1123Subdomain)];
}

function unmatched(
  { containerName, resourceName }: ContainerExtendedResourceRequest,
  path: string,
  containers: Container[],
): FieldError[] {
  const container = containers.find(({ name }) => name === containerName);
  const of = (member: string) => `spec.initContainers.${member} or spec.containers.${member}`;
  if (!container) {
    const text = `must match the name of an entry in ${of('name')}`;
    return [invalidValue(child(path, 'containerName'), containerName, text)];
  }
  if (Object.hasOwn(container.resources?.requests ?? {}, resourceName)) return [];
  const text = `must match the extended resource name of an entry in ${of('resources.requests')}`;
  return [invalidValue(child(path, 'resourceName'), resourceName, text)];
}

/** Addresses of a list: of one family each. */
function addressList(list: { ip?: string }[] | undefined, path: string, shown: (ip: { ip?: string }) => unknown) {
  const errors = each(list, path, ({ ip = '' }, p) => ipAddress(p, ip));
  if (!list || list.length < 2) return errors;
  const ips = list.map(({ ip = '' }) => ip);
  const unknown = unknownFamily(path, ips, 'failed to check for dual stack with error:');
  errors.push(...unknown);
  const families = new Set(ips.map(familyOf));
  if (unknown.length > 0 || families.size < 2 || list.length > 2)
    errors.push(invalidValue(path, list.map(shown), 'may specify no more than one IP for each IP family'));
  return errors;
}

function addresses({ podIPs, hostIP, hostIPs }: PodStatus): FieldError[] {
  const shown = ({ ip }: { ip?: string }) => ({ IP: ip ?? '' });
  const errors = addressList(podIPs, 'status.podIPs', shown);
  if (!hostIPs?.length) return errors;
  if (hostIP !== hostIPs[0]?.ip)
    errors.push(invalidValue('status.hostIPs[0].ip', hostIPs[0]?.ip ?? '', 'must be equal to `hostIP`'));
  return [...errors, ...addressList(hostIPs, 'status.hostIPs', shown)];
}

function containerStatuses({ spec, status }: Pod): FieldError[] {
  const errors: FieldError[] = [];
  for (const list of ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'] as const)
    errors.push(...each(status[list], `status.${list}`, (one, p) => containerUser(one, p, spec.os?.name ?? 'linux')));
  for (const [list, containers] of Object.entries(lists) as [keyof typeof lists, 'containers' | 'initContainers'][])
    errors.push(
      ...each(status[list], `status.${list}`, (one, p) => [
        ...allocated(one, p, spec[containers] ?? []),
        ...volumeMounts(one, p),
      ]),
    );
  return [
    ...errors,
    ...each(status.ephemeralContainerStatuses, 'status.ephemeralContainerStatuses', (one, p) =>
      one.allocatedResourcesStatus?.length
        ? [forbidden(child(p, 'allocatedResourcesStatus'), 'must not be specified in container status')]
        : [],
    ),
  ];
}

function containerUser({ user }: ContainerStatus, path: string, system: string): FieldError[] {
  if (!user?.linux) return [];
  const p = child(path, 'user.linux');
  if (system === 'windows') return [forbidden(p, 'cannot be set for a windows pod')];
  const { uid, gid, supplementalGroups } = user.linux;
  const id = (at: string, value: number) => userId(value).map((text) => invalidValue(at, value, text));
  return [
    ...id(child(p, 'uid'), uid),
    ...id(child(p, 'gid'), gid),
    ...each(supplementalGroups, child(p, 'supplementalGroups'), (group, gp) => id(gp, group)),
  ];
}

/** Devices of a container and how they are: those that it asks for. */
function allocated({ name, allocatedResourcesStatus }: ContainerStatus, path: string, containers: Container[]) {
  const container = containers.find((one) => one.name === name);
  return each(allocatedResourcesStatus, child(path, 'allocatedResourcesStatus'), (resource, p) => [
    ...(container ? unasked(resource, child(p, 'name'), container) : []),
    ...health(resource, child(p, 'resources')),
  ]);
}

function unasked({ name }: ResourceStatus, path: string, { resources }: Container): FieldError[] {
  if (name.startsWith('claim:')) {
    const claims = (resources?.claims ?? []).map((c) => `claim:${c.name}${c.request ? `/${c.request}` : ''}`);
    const detail =
      "must match one of the container's resource claims in a format 'claim:<claimName>/<request>' or 'claim:<claimName>' if request is empty";
    return claims.includes(name) ? [] : [invalidValue(path, name, detail)];
  }
  return Object.hasOwn(resources?.requests ?? {}, name)
    ? []
    : [invalidValue(path, name, "must match one of the container's resource requests")];
}

const healths = ['Healthy', 'Unhealthy', 'Unknown'];
const longestHealthMessage = 1024;

function health({ resources }: ResourceStatus, path: string): FieldError[] {
  const ids = new Set<string>();
  return each(resources, path, ({ resourceID, health: state, message }, p) => {
    const errors = healths.includes(state ?? '') ? [] : [notSupported(child(p, 'health'), state ?? '', healths)];
    if (message === '') errors.push(required(child(p, 'message'), 'must be non-empty if specified'));
    if (Buffer.byteLength(message ?? '') > longestHealthMessage)
      errors.push(tooLong(child(p, 'message'), longestHealthMessage));
    if (ids.has(resourceID)) errors.push(duplicate(child(p, 'resourceID'), resourceID));
    ids.add(resourceID);
    return errors;
  });
}

const longestImageRef = 256;

/** The image behind a volume, as the runtime reports it. */
function volumeMounts({ volumeMounts: mounts }: ContainerStatus, path: string): FieldError[] {
  return each(mounts, child(path, 'volumeMounts'), ({ volumeStatus }, p) => {
    const image = volumeStatus?.image;
    if (!image) return [];
    const ref = child(p, 'volumeStatus.image.imageRef');
    if (!image.imageRef) return [required(ref)];
    return image.imageRef.length > longestImageRef ? [tooLong(ref, longestImageRef)] : [];
  });
}
