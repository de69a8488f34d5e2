import type { Container, ContainerPort, EnvFromSource, EnvVar, VolumeDevice, VolumeMount } from '../generated/types.ts';
import { configMapKey, dns1123Label, dns1123Subdomain, envVarName, portName, portNumber } from '../meta/name-format.ts';
import {
  at,
  child,
  duplicate,
  each,
  type FieldError,
  forbidden,
  formatted,
  invalidValue,
  missing,
  oneOf,
  required,
  requiredFormatted,
  requiredOneOf,
} from './check.ts';
import { innerPath, noBacksteps } from './inner-path.ts';
import { fieldReference, resourceReference } from './field-reference.ts';
import { validateResources } from './resources.ts';
import { validateContainerSecurity } from './security-context.ts';

const protocols = ['SCTP', 'TCP', 'UDP'];
const pullPolicies = ['Always', 'IfNotPresent', 'Never'];

/** What the containers of one pod have in common. */
export interface PodContext {
  volumes: Set<string>;
  /** Volumes that may be used as block devices. */
  devices: Set<string>;
  claims: Set<string>;
}

/** Rules of containers, init containers and ephemeral containers alike. */
export function validateContainer(container: Container, path: string, pod: PodContext): FieldError[] {
  const errors = requiredFormatted(child(path, 'name'), container.name, dns1123Label);
  if (!container.image) errors.push(required(child(path, 'image')));
  else if (container.image !== container.image.trim())
    errors.push(invalidValue(child(path, 'image'), container.image, 'must not have leading or trailing whitespace'));
  const policies = ['File', 'FallbackToLogsOnError'];
  return [
    ...errors,
    ...requiredOneOf(child(path, 'terminationMessagePolicy'), container.terminationMessagePolicy, policies),
    ...validatePorts(container.ports, child(path, 'ports')),
    ...each(container.env, child(path, 'env'), (env, p) => validateEnv(env, p)),
    ...each(container.envFrom, child(path, 'envFrom'), validateEnvFrom),
    ...validateMounts(container, child(path, 'volumeMounts'), pod),
    ...validateDevices(container.volumeDevices, child(path, 'volumeDevices'), pod),
    ...requiredOneOf(child(path, 'imagePullPolicy'), container.imagePullPolicy, pullPolicies),
    ...validateResources(container.resources, child(path, 'resources'), pod.claims),
    ...validateContainerSecurity(container.securityContext, child(path, 'securityContext')),
  ];
}

function validatePorts(ports: ContainerPort[] | undefined, path: string): FieldError[] {
  const names = new Set<string>();
  return each(ports, path, (port, p) => {
    const errors = formatted(child(p, 'name'), port.name, portName);
    if (port.name && errors.length === 0) {
      if (names.has(port.name)) errors.push(duplicate(child(p, 'name'), port.name));
      names.add(port.name);
    }
    if (!port.containerPort) errors.push(required(child(p, 'containerPort')));
    else
      errors.push(
        ...portNumber(port.containerPort).map((t) => invalidValue(child(p, 'containerPort'), port.containerPort, t)),
      );
    if (port.hostPort)
      errors.push(...portNumber(port.hostPort).map((t) => invalidValue(child(p, 'hostPort'), port.hostPort, t)));
    return [...errors, ...requiredOneOf(child(p, 'protocol'), port.protocol, protocols)];
  });
}

const sources = ['fieldRef', 'resourceFieldRef', 'configMapKeyRef', 'secretKeyRef', 'fileKeyRef'] as const;
const envFields = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];

export function validateEnv(env: EnvVar, path: string): FieldError[] {
  const errors = requiredFormatted(child(path, 'name'), env.name, envVarName);
  const from = env.valueFrom;
  if (!from) return errors;
  const p = child(path, 'valueFrom');
  if (from.fieldRef)
    errors.push(...fieldReference(from.fieldRef, child(p, 'fieldRef'), { fields: envFields, subscripts: true }));
  if (from.resourceFieldRef) errors.push(...resourceReference(from.resourceFieldRef, child(p, 'resourceFieldRef')));
  if (from.configMapKeyRef) errors.push(...keyReference(from.configMapKeyRef, child(p, 'configMapKeyRef')));
  if (from.secretKeyRef) errors.push(...keyReference(from.secretKeyRef, child(p, 'secretKeyRef')));
  const given = sources.filter((source) => from[source]).length;
  if (given === 0) {
    const all = '`fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`';
    errors.push(invalidValue(p, '', `must specify one of: ${all}`));
  } else if (env.value) errors.push(invalidValue(p, '', 'may not be specified when `value` is not empty'));
  else if (given > 1) errors.push(invalidValue(p, '', 'may not have more than one field specified at a time'));
  return errors;
}

const keyReference = (reference: { name?: string; key: string }, path: string): FieldError[] => [
  ...(reference.name
    ? formatted(child(path, 'name'), reference.name, dns1123Subdomain)
    : [required(child(path, 'name'))]),
  ...requiredFormatted(child(path, 'key'), reference.key, configMapKey),
];

function validateEnvFrom(from: EnvFromSource, path: string): FieldError[] {
  const errors = formatted(child(path, 'prefix'), from.prefix, envVarName);
  for (const source of ['configMapRef', 'secretRef'] as const) {
    const reference = from[source];
    if (!reference) continue;
    errors.push(...requiredFormatted(child(child(path, source), 'name'), reference.name, dns1123Subdomain));
  }
  if (!from.configMapRef && !from.secretRef)
    errors.push(invalidValue(path, '', 'must specify one of: `configMapRef` or `secretRef`'));
  else if (from.configMapRef && from.secretRef)
    errors.push(invalidValue(path, '', 'may not have more than one field specified at a time'));
  return errors;
}

function validateMounts(container: Container, path: string, pod: PodContext): FieldError[] {
  const points = new Set<string>();
  return each(container.volumeMounts, path, (mount, p) => {
    const errors: FieldError[] = [];
    if (!mount.name) errors.push(required(child(p, 'name')));
    else if (!pod.volumes.has(mount.name)) errors.push(missing(child(p, 'name'), mount.name));
    if (!mount.mountPath) errors.push(required(child(p, 'mountPath')));
    if (points.has(mount.mountPath))
      errors.push(invalidValue(child(p, 'mountPath'), mount.mountPath, 'must be unique'));
    points.add(mount.mountPath);
    const both = mount.subPath && mount.subPathExpr;
    if (both)
      errors.push(
        invalidValue(child(p, 'subPathExpr'), mount.subPathExpr, 'subPathExpr and subPath are mutually exclusive'),
      );
    errors.push(
      ...innerPath(child(p, 'subPath'), mount.subPath),
      ...innerPath(child(p, 'subPathExpr'), mount.subPathExpr),
    );
    return [...errors, ...validatePropagation(mount, container, p)];
  });
}

function validatePropagation(mount: VolumeMount, container: Container, path: string): FieldError[] {
  const at = child(path, 'mountPropagation');
  const errors = oneOf(at, mount.mountPropagation, ['Bidirectional', 'HostToContainer', 'None']);
  if (mount.mountPropagation === 'Bidirectional' && !container.securityContext?.privileged)
    errors.push(forbidden(at, 'Bidirectional mount propagation is available only to privileged containers'));
  const recursive = child(path, 'recursiveReadOnly');
  errors.push(...oneOf(recursive, mount.recursiveReadOnly, ['Disabled', 'Enabled', 'IfPossible']));
  if (mount.recursiveReadOnly && mount.recursiveReadOnly !== 'Disabled') {
    if (!mount.readOnly) errors.push(forbidden(recursive, 'may only be specified when readOnly is true'));
    if (mount.mountPropagation && mount.mountPropagation !== 'None')
      errors.push(forbidden(recursive, 'may only be specified when mountPropagation is None or not specified'));
  }
  return errors;
}

function validateDevices(devices: VolumeDevice[] | undefined, path: string, pod: PodContext): FieldError[] {
  const names = new Set<string>();
  const paths = new Set<string>();
  return each(devices, path, (device, p) => {
    const errors: FieldError[] = [];
    if (!device.name) errors.push(required(child(p, 'name')));
    else if (!pod.volumes.has(device.name)) errors.push(missing(child(p, 'name'), device.name));
    else if (!pod.devices.has(device.name))
      errors.push(
        invalidValue(
          child(p, 'name'),
          device.name,
          'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode',
        ),
      );
    if (names.has(device.name)) errors.push(invalidValue(child(p, 'name'), device.name, 'must be unique'));
    if (!device.devicePath) errors.push(required(child(p, 'devicePath')));
    else errors.push(...noBacksteps(child(p, 'devicePath'), device.devicePath));
    if (device.devicePath && paths.has(device.devicePath))
      errors.push(invalidValue(child(p, 'devicePath'), device.devicePath, 'must be unique'));
    names.add(device.name);
    paths.add(device.devicePath);
    return errors;
  });
}

/** Two containers of a pod cannot have the same port of the node. */
export function hostPortConflicts(containers: Container[], path: string): FieldError[] {
  const taken = new Set<string>();
  return containers.flatMap((container, i) =>
    each(container.ports, child(at(path, i), 'ports'), (port, p) => {
      if (!port.hostPort) return [];
      const id = `${port.protocol}/${port.hostIP ?? ''}/${port.hostPort}`;
      if (taken.has(id)) return [duplicate(child(p, 'hostPort'), id)];
      taken.add(id);
      return [];
    }),
  );
}
