import type { Container, PodDNSConfig, PodSpec, PodTemplateSpec } from '../generated/types.ts';
import { dns1123Label, dns1123Subdomain, qualifiedName } from '../meta/name-format.ts';
import { validateAnnotations, validateLabels } from '../meta/object-meta.ts';
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
  keyFormatted,
  oneOf,
  required,
  requiredFormatted,
  requiredOneOf,
} from './check.ts';
import { hostPortConflicts, type PodContext, validateContainer } from './container.ts';
import { inclusive, validateAffinity, validateSpread, validateToleration } from './placement.ts';
import { validateHooksAndProbes } from './probe.ts';
import { resourceAmount } from './resources.ts';
import { validatePodSecurity } from './security-context.ts';
import { validateVolumes } from './volume.ts';

const maxInt32 = 2_147_483_647;
const restartPolicies = ['Always', 'OnFailure', 'Never'];
const dnsPolicies = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'];

/** The rules of a pod's spec, in a pod or in a template. */
export function validatePodSpec(spec: PodSpec, path: string): FieldError[] {
  const { errors, names } = validateVolumes(spec.volumes, child(path, 'volumes'));
  const pod: PodContext = {
    volumes: names,
    devices: new Set((spec.volumes ?? []).filter((v) => v.persistentVolumeClaim || v.ephemeral).map((v) => v.name)),
    claims: new Set((spec.resourceClaims ?? []).map((claim) => claim.name)),
  };
  return [
    ...errors,
    ...resourceClaims(spec, child(path, 'resourceClaims')),
    ...containers(spec, path, pod),
    ...initContainers(spec, path, pod),
    ...hostNetworkPorts(spec, path),
    ...requiredOneOf(child(path, 'restartPolicy'), spec.restartPolicy, restartPolicies),
    ...requiredOneOf(child(path, 'dnsPolicy'), spec.dnsPolicy, dnsPolicies),
    ...validateLabels(spec.nodeSelector, child(path, 'nodeSelector')),
    ...validatePodSecurity(spec, path),
    ...each(spec.imagePullSecrets, child(path, 'imagePullSecrets'), ({ name }, p) =>
      name ? [] : [required(child(p, 'name'))],
    ),
    ...validateAffinity(spec.affinity, child(path, 'affinity')),
    ...dnsConfig(spec.dnsConfig, spec.dnsPolicy, child(path, 'dnsConfig')),
    ...gates(spec, path),
    ...validateSpread(spec.topologySpreadConstraints, child(path, 'topologySpreadConstraints')),
    ...namesAndLimits(spec, path),
  ];
}

function resourceClaims(spec: PodSpec, path: string): FieldError[] {
  const names = new Set<string>();
  return each(spec.resourceClaims, path, (claim, p) => {
    const errors = requiredFormatted(child(p, 'name'), claim.name, dns1123Label);
    if (names.has(claim.name)) errors.push(duplicate(child(p, 'name'), claim.name));
    names.add(claim.name);
    const both = claim.resourceClaimName && claim.resourceClaimTemplateName;
    const none = !claim.resourceClaimName && !claim.resourceClaimTemplateName;
    if (both || none)
      errors.push(invalidValue(p, claim, 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`'));
    return errors;
  });
}

function containers(spec: PodSpec, path: string, pod: PodContext): FieldError[] {
  const at = child(path, 'containers');
  if (!spec.containers?.length) return [required(at)];
  const names = new Set<string>();
  const grace = spec.terminationGracePeriodSeconds ?? 0;
  const errors = each(spec.containers, at, (container, p) => {
    const own = validateContainer(container, p, pod);
    if (names.has(container.name)) own.push(duplicate(child(p, 'name'), container.name));
    names.add(container.name);
    own.push(...validateHooksAndProbes(container, p, grace));
    return [...own, ...oneOf(child(p, 'restartPolicy'), container.restartPolicy, restartPolicies)];
  });
  return [...errors, ...hostPortConflicts(spec.containers, at)];
}

function initContainers(spec: PodSpec, path: string, pod: PodContext): FieldError[] {
  const names = new Set((spec.containers ?? []).map((container) => container.name));
  const grace = spec.terminationGracePeriodSeconds ?? 0;
  return each(spec.initContainers, child(path, 'initContainers'), (container, p) => {
    const errors = validateContainer(container, p, pod);
    if (names.has(container.name)) errors.push(duplicate(child(p, 'name'), container.name));
    names.add(container.name);
    errors.push(...oneOf(child(p, 'restartPolicy'), container.restartPolicy, restartPolicies));
    if (container.restartPolicy === 'Always') return [...errors, ...validateHooksAndProbes(container, p, grace)];
    return [...errors, ...endsByItself(container, p)];
  });
}

/** An init container that ends has neither hooks nor probes. */
function endsByItself(container: Container, path: string): FieldError[] {
  const members = ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const;
  return members
    .filter((member) => container[member])
    .map((member) => forbidden(child(path, member), 'may not be set for init containers without restartPolicy=Always'));
}

function hostNetworkPorts(spec: PodSpec, path: string): FieldError[] {
  if (!spec.hostNetwork) return [];
  const check = (list: Container[] | undefined, listPath: string) =>
    (list ?? []).flatMap((container, i) =>
      each(container.ports, child(at(listPath, i), 'ports'), (port, p) =>
        port.hostPort && port.hostPort !== port.containerPort
          ? [invalidValue(child(p, 'hostPort'), port.hostPort, 'must match `containerPort` when `hostNetwork` is true')]
          : [],
      ),
    );
  return [
    ...check(spec.containers, child(path, 'containers')),
    ...check(spec.initContainers, child(path, 'initContainers')),
  ];
}

function dnsConfig(config: PodDNSConfig | undefined, policy: string | undefined, path: string): FieldError[] {
  if (policy === 'None' && !config) return [required(path, 'must provide `dnsConfig` when `dnsPolicy` is None')];
  if (!config) return [];
  const { nameservers = [], searches = [] } = config;
  const errors: FieldError[] = [];
  if (policy === 'None' && nameservers.length === 0)
    errors.push(
      required(child(path, 'nameservers'), 'must provide at least one DNS nameserver when `dnsPolicy` is None'),
    );
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
    ...each(config.options, child(path, 'options'), ({ name }, p) =>
      name ? [] : [required(child(p, 'name'), 'must not be empty')],
    ),
  ];
}

/** Search paths may end in a dot and may have labels with underscores. */
const searchPath = (search: string, path: string): FieldError[] =>
  search === '.' ? [] : formatted(path, search.replace(/\.$/, '').replaceAll('_', 'x'), dns1123Subdomain);

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
    ...formatted(child(path, 'hostnameOverride'), spec.hostnameOverride, dns1123Subdomain),
    ...each(spec.tolerations, child(path, 'tolerations'), validateToleration),
    ...each(spec.hostAliases, child(path, 'hostAliases'), ({ ip, hostnames }, p) => [
      ...ipAddress(child(p, 'ip'), ip),
      ...each(hostnames, child(p, 'hostnames'), (name, hp) =>
        keyFormatted(hp.replace(/\[\d+\]$/, ''), name, dns1123Subdomain),
      ),
    ]),
    ...formatted(child(path, 'priorityClassName'), spec.priorityClassName, dns1123Subdomain),
    ...formatted(child(path, 'runtimeClassName'), spec.runtimeClassName, dns1123Subdomain),
    ...oneOf(child(path, 'preemptionPolicy'), spec.preemptionPolicy, ['Never', 'PreemptLowerPriority']),
  ];
  for (const [name, amount] of Object.entries(spec.overhead ?? {}))
    errors.push(...resourceAmount(name, amount, child(child(path, 'overhead'), name)));
  if (spec.os) errors.push(...requiredOneOf(child(child(path, 'os'), 'name'), spec.os.name, ['linux', 'windows']));
  return errors;
}

/** Labels, annotations and spec of a template. */
export function validatePodTemplate(template: PodTemplateSpec, path: string): FieldError[] {
  const meta = child(path, 'metadata');
  const errors = [
    ...validateLabels(template.metadata?.labels, child(meta, 'labels')),
    ...validateAnnotations(template.metadata?.annotations, child(meta, 'annotations')),
    ...validatePodSpec(template.spec as PodSpec, child(path, 'spec')),
  ];
  if (template.spec?.ephemeralContainers?.length)
    errors.push(
      forbidden(child(child(path, 'spec'), 'ephemeralContainers'), 'ephemeral containers not allowed in pod template'),
    );
  return errors;
}
