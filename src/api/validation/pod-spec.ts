import type { PodDNSConfig, PodSpec, PodTemplateSpec } from '../generated/types.ts';
import { dns1123Label, dns1123Subdomain, qualifiedName, underscoredSubdomain } from '../meta/name-format.ts';
import { validateAnnotations, validateLabels } from '../meta/object-meta.ts';
import { compareQuantity, formatQuantity, parseQuantity } from '../meta/quantity.ts';
import { containersTotal } from '../quota/pod-amounts.ts';
import { goForm } from '../schema/go-form.ts';
import { ipAddress } from './address.ts';
import {
  at,
  child,
  duplicate,
  each,
  type FieldError,
  forbidden,
  formatted,
  invalidValue,
  keyed,
  keyFormatted,
  oneOf,
  required,
  requiredFormatted,
  requiredOneOf,
  tooLong,
} from './check.ts';
import type { PodContext } from './container.ts';
import { eachContainer } from './each-container.ts';
import { validateHostProcess, validateSystem } from './operating-system.ts';
import { inclusive, validateAffinity, validateSpread, validateToleration } from './placement.ts';
import { podAnnotations, profilesAgree } from './pod-annotations.ts';
import { validateContainers } from './pod-containers.ts';
import { podResourceName, validateResources } from './resources.ts';
import { validatePodSecurity } from './security-context.ts';
import { validateVolumes } from './volume.ts';

const maxInt32 = 2_147_483_647;
const restartPolicies = ['Always', 'OnFailure', 'Never'];
const dnsPolicies = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'];

/** The rules of a pod's spec, in a pod of a name or in a template. */
export function validatePodSpec(spec: PodSpec, path: string, podName?: string): FieldError[] {
  const { errors, byName } = validateVolumes(spec.volumes, child(path, 'volumes'), podName);
  const claims = new Set((spec.resourceClaims ?? []).map((claim) => claim.name));
  const pod: PodContext = { volumes: byName, claims, spec };
  return [
    ...errors,
    ...resourceClaims(spec, child(path, 'resourceClaims')),
    ...validateContainers(pod, path),
    ...podResources(spec, child(path, 'resources')),
    ...hostNetworkPorts(spec, path, podName !== undefined),
    ...requiredOneOf(child(path, 'restartPolicy'), spec.restartPolicy, restartPolicies),
    ...requiredOneOf(child(path, 'dnsPolicy'), spec.dnsPolicy, dnsPolicies),
    ...validateLabels(spec.nodeSelector, child(path, 'nodeSelector')),
    ...validatePodSecurity(spec, path),
    ...validateAffinity(spec.affinity, child(path, 'affinity')),
    ...dnsConfig(spec.dnsConfig, spec.dnsPolicy, child(path, 'dnsConfig')),
    ...gates(spec, path),
    ...validateSpread(spec.topologySpreadConstraints, child(path, 'topologySpreadConstraints')),
    ...validateHostProcess(spec, path),
    ...ownUsers(spec, path),
    ...namesAndLimits(spec, path),
    ...validateSystem(spec, path),
  ];
}

/** A pod with users of its own shares no other namespace with the node. */
function ownUsers(spec: PodSpec, path: string): FieldError[] {
  if (spec.hostUsers !== false) return [];
  const shared = { hostNetwork: 'hostNetwork', hostPID: 'HostPID', hostIPC: 'HostIPC' } as const;
  const errors = (Object.keys(shared) as (keyof typeof shared)[])
    .filter((name) => spec[name])
    .map((name) => forbidden(child(path, shared[name]), 'when `pod.Spec.HostUsers` is false'));
  eachContainer(spec, path, ({ volumeDevices }, p) => {
    if (volumeDevices?.length) errors.push(forbidden(child(p, 'volumeDevices'), 'when `pod.Spec.HostUsers` is false'));
  });
  return errors;
}

function resourceClaims(spec: PodSpec, path: string): FieldError[] {
  const names = new Set<string>();
  return each(spec.resourceClaims, path, (claim, p) => {
    const errors = requiredFormatted(child(p, 'name'), claim.name, dns1123Label);
    if (names.has(claim.name)) errors.push(duplicate(child(p, 'name'), claim.name));
    names.add(claim.name);
    const { resourceClaimName: own, resourceClaimTemplateName: template } = claim;
    if (own !== undefined && template !== undefined)
      errors.push(
        invalidValue(
          p,
          goForm('io.k8s.api.core.v1.PodResourceClaim', claim),
          'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified',
        ),
      );
    if (own === undefined && template === undefined)
      errors.push(
        invalidValue(
          p,
          goForm('io.k8s.api.core.v1.PodResourceClaim', claim),
          'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`',
        ),
      );
    for (const member of ['resourceClaimName', 'resourceClaimTemplateName'] as const)
      if (claim[member] !== undefined) errors.push(...keyFormatted(child(p, member), claim[member], dns1123Subdomain));
    return errors;
  });
}

/** On the node's network a port of the container is one of the node. In templates it may be filled in later. */
function hostNetworkPorts(spec: PodSpec, path: string, inPod: boolean): FieldError[] {
  if (!spec.hostNetwork) return [];
  return each(spec.containers, child(path, 'containers'), (container, at) =>
    each(container.ports, child(at, 'ports'), ({ hostPort = 0, containerPort }, p) =>
      (inPod || hostPort !== 0) && hostPort !== containerPort
        ? [invalidValue(child(p, 'hostPort'), hostPort, 'must match `containerPort` when `hostNetwork` is true')]
        : [],
    ),
  );
}

/** Resources of the pod as a whole (KEP-2837): at least what its containers ask for together. */
function podResources(spec: PodSpec, path: string): FieldError[] {
  const { resources } = spec;
  if (!resources) return [];
  const errors = resources.claims
    ? [forbidden(child(path, 'claims'), 'claims cannot be set for Resources at pod-level')]
    : [];
  errors.push(...validateResources({ ...resources, claims: undefined }, path, { nameOf: podResourceName }));
  for (const [name, asked] of Object.entries(containersTotal(spec, 'requests'))) {
    const own = parseQuantity(resources.requests?.[name] ?? '0');
    if (compareQuantity(asked, own) > 0)
      errors.push(
        invalidValue(
          keyed(child(path, 'requests'), name),
          resources.requests?.[name] ?? '0',
          `must be greater than or equal to aggregate container requests of ${formatQuantity(asked)}`,
        ),
      );
  }
  for (const [i, container] of (spec.containers ?? []).entries())
    for (const [name, limit] of Object.entries(container.resources?.limits ?? {})) {
      const most = resources.limits?.[name];
      if (most !== undefined && compareQuantity(parseQuantity(limit), parseQuantity(most)) > 0)
        errors.push(
          invalidValue(
            child(keyed(at(child(path, 'containers'), i), name), 'limits'),
            limit,
            `must be less than or equal to pod limits of ${most}`,
          ),
        );
    }
  return errors;
}

function dnsConfig(config: PodDNSConfig | undefined, policy: string | undefined, path: string): FieldError[] {
  if (policy === 'None' && !config) return [required(path, 'must provide `dnsConfig` when `dnsPolicy` is None')];
  if (!config) return [];
  const { nameservers = [], searches = [] } = config;
  const errors: FieldError[] = [];
  if (policy === 'None' && nameservers.length === 0)
    return [required(child(path, 'nameservers'), 'must provide at least one DNS nameserver when `dnsPolicy` is None')];
  if (nameservers.length > 3)
    errors.push(invalidValue(child(path, 'nameservers'), nameservers, 'must not have more than 3 nameservers'));
  errors.push(...each(nameservers, child(path, 'nameservers'), (server, p) => ipAddress(p, server)));
  if (searches.length > 32)
    errors.push(invalidValue(child(path, 'searches'), searches, 'must not have more than 32 search paths'));
  if (searches.join(' ').length > 2048)
    errors.push(
      invalidValue(
        child(path, 'searches'),
        searches,
        'must not have more than 2048 characters (including spaces) in the search list',
      ),
    );
  errors.push(...each(searches, child(path, 'searches'), searchPath));
  return [
    ...errors,
    ...each(config.options, child(path, 'options'), ({ name }, p) => (name ? [] : [required(p, 'must not be empty')])),
  ];
}

/** Search paths may end in a dot and may have labels with underscores. */
const searchPath = (search: string, path: string): FieldError[] =>
  search === '.' ? [] : keyFormatted(path, search.replace(/\.$/, ''), underscoredSubdomain);

function gates(spec: PodSpec, path: string): FieldError[] {
  const names = new Set<string>();
  return [
    ...each(spec.readinessGates, child(path, 'readinessGates'), ({ conditionType }, p) =>
      keyFormatted(child(p, 'conditionType'), conditionType, qualifiedName),
    ),
    ...each(spec.schedulingGates, child(path, 'schedulingGates'), ({ name }, p) => {
      const errors = keyFormatted(p, name, qualifiedName);
      if (names.has(name)) errors.push(duplicate(p, name));
      names.add(name);
      return errors;
    }),
  ];
}

function namesAndLimits(spec: PodSpec, path: string): FieldError[] {
  const { activeDeadlineSeconds: deadline } = spec;
  const errors = [
    ...formatted(child(path, 'serviceAccountName'), spec.serviceAccountName, dns1123Subdomain),
    ...formatted(child(path, 'nodeName'), spec.nodeName, dns1123Subdomain),
    ...(deadline === undefined
      ? []
      : inclusive(child(path, 'activeDeadlineSeconds'), deadline, { min: 1, max: maxInt32 })),
    ...formatted(child(path, 'hostname'), spec.hostname, dns1123Label),
    ...formatted(child(path, 'subdomain'), spec.subdomain, dns1123Label),
    ...hostnameOverride(spec, child(path, 'hostnameOverride')),
    ...each(spec.tolerations, child(path, 'tolerations'), validateToleration),
    ...each(spec.hostAliases, child(path, 'hostAliases'), ({ ip, hostnames }, p) => [
      ...ipAddress(child(p, 'ip'), ip),
      ...each(hostnames, child(p, 'hostnames'), (name, hp) => keyFormatted(hp, name, dns1123Subdomain)),
    ]),
    ...formatted(child(path, 'priorityClassName'), spec.priorityClassName, dns1123Subdomain),
    ...formatted(child(path, 'runtimeClassName'), spec.runtimeClassName, dns1123Subdomain),
    ...oneOf(child(path, 'preemptionPolicy'), spec.preemptionPolicy, ['Never', 'PreemptLowerPriority']),
  ];
  errors.push(...validateResources({ limits: spec.overhead }, child(path, 'overhead')));
  if (spec.schedulingGroup)
    errors.push(
      ...keyFormatted(
        child(path, 'schedulingGroup.podGroupName'),
        spec.schedulingGroup.podGroupName ?? '',
        dns1123Subdomain,
      ),
    );
  return errors;
}

const longestHostname = 64;

/** The name that the pod's processes see, whatever its other names say (KEP-4762). */
function hostnameOverride(spec: PodSpec, path: string): FieldError[] {
  const { hostnameOverride: name } = spec;
  if (name === undefined) return [];
  const errors = name.length > longestHostname ? [tooLong(path, longestHostname)] : [];
  errors.push(...keyFormatted(path, name, dns1123Subdomain));
  if (spec.setHostnameAsFQDN) errors.push(forbidden(path, 'cannot be set when setHostnameAsFQDN is true'));
  if (spec.hostNetwork) errors.push(forbidden(path, 'cannot be set when hostNetwork is true'));
  return errors;
}

/** Labels, annotations and spec of a template. */
export function validatePodTemplate(template: PodTemplateSpec, path: string): FieldError[] {
  const { annotations, labels } = template.metadata ?? {};
  const at = child(path, 'spec');
  const spec = template.spec as PodSpec;
  const errors = [
    ...validateLabels(labels, child(path, 'labels')),
    ...validateAnnotations(annotations, child(path, 'annotations')),
    ...podAnnotations(annotations ?? {}, spec, child(path, 'annotations')),
    ...validatePodSpec(spec, at),
    ...profilesAgree(annotations ?? {}, spec, at),
  ];
  if (spec?.ephemeralContainers?.length)
    errors.push(forbidden(child(at, 'ephemeralContainers'), 'ephemeral containers not allowed in pod template'));
  return errors;
}
