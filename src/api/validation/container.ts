import type {
  Container,
  ContainerPort,
  EnvFromSource,
  EnvVar,
  FileKeySelector,
  PodSpec,
  Volume,
  VolumeMount,
} from '../generated/types.ts';
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
  keyFormatted,
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
import { filePath } from './volume.ts';

const protocols = ['SCTP', 'TCP', 'UDP'];
const pullPolicies = ['Always', 'IfNotPresent', 'Never'];

/** What the containers of one pod have in common. */
export interface PodContext {
  volumes: ReadonlyMap<string, Volume>;
  claims: ReadonlySet<string>;
  spec: PodSpec;
}

/** Rules of containers, init containers and ephemeral containers alike. */
export function validateContainer(container: Container, path: string, pod: PodContext): FieldError[] {
  const errors = requiredFormatted(child(path, 'name'), container.name, dns1123Label);
  if (!container.image) errors.push(required(child(path, 'image')));
  const policies = ['File', 'FallbackToLogsOnError'];
  return [
    ...errors,
    ...requiredOneOf(child(path, 'terminationMessagePolicy'), container.terminationMessagePolicy, policies),
    ...validatePorts(container.ports, child(path, 'ports')),
    ...each(container.env, child(path, 'env'), (env, p) => validateEnv(env, p, pod)),
    ...validateEnvFrom(container.envFrom ?? [], child(path, 'envFrom')),
    ...validateMounts(container, child(path, 'volumeMounts'), pod),
    ...validateDevices(container, child(path, 'volumeDevices'), pod),
    ...requiredOneOf(child(path, 'imagePullPolicy'), container.imagePullPolicy, pullPolicies),
    ...validateResources(container.resources, child(path, 'resources'), { podClaims: pod.claims }),
    ...resizePolicy(container, child(path, 'resizePolicy'), pod.spec.restartPolicy),
    ...validateContainerSecurity(container.securityContext, child(path, 'securityContext'), pod.spec.hostUsers ?? true),
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

function validateEnv(env: EnvVar, path: string, pod: PodContext): FieldError[] {
  const errors = requiredFormatted(child(path, 'name'), env.name, envVarName);
  const from = env.valueFrom;
  if (!from) return errors;
  const p = child(path, 'valueFrom');
  if (from.fieldRef)
    errors.push(...fieldReference(from.fieldRef, child(p, 'fieldRef'), { fields: envFields, subscripts: true }));
  if (from.resourceFieldRef) errors.push(...resourceReference(from.resourceFieldRef, child(p, 'resourceFieldRef')));
  if (from.configMapKeyRef) errors.push(...keyReference(from.configMapKeyRef, child(p, 'configMapKeyRef')));
  if (from.secretKeyRef) errors.push(...keyReference(from.secretKeyRef, child(p, 'secretKeyRef')));
  if (from.fileKeyRef) errors.push(...fileKey(from.fileKeyRef, child(p, 'fileKeyRef'), pod));
  const given = sources.filter((source) => from[source]).length;
  if (given === 0) {
    const all = '`fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`';
    errors.push(invalidValue(p, '', `must specify one of: ${all}`));
  } else if (env.value) errors.push(invalidValue(p, '', 'may not be specified when `value` is not empty'));
  else if (given > 1) errors.push(invalidValue(p, '', 'may not have more than one field specified at a time'));
  return errors;
}

const keyReference = (reference: { name?: string; key: string }, path: string): FieldError[] => [
  ...keyFormatted(child(path, 'name'), reference.name ?? '', dns1123Subdomain),
  ...requiredFormatted(child(path, 'key'), reference.key, configMapKey),
];

/** A variable in a file that an init container writes (KEP-3721). */
function fileKey({ volumeName, path: file, key }: FileKeySelector, path: string, pod: PodContext): FieldError[] {
  const at = child(path, 'volumeName');
  const volume = pod.volumes.get(volumeName);
  const errors = requiredFormatted(child(path, 'key'), key, envVarName);
  if (!volumeName) errors.push(required(at));
  else if (!volume) errors.push(missing(at, volumeName));
  else if (!volume.emptyDir) errors.push(invalidValue(at, volumeName, 'referenced volume must be of type emptyDir'));
  return [...errors, ...filePath(child(path, 'path'), file)];
}

/** What is wrong with the number of sources is told of the whole list. */
function validateEnvFrom(list: EnvFromSource[], path: string): FieldError[] {
  return each(list, path, (from, p) => {
    const errors = formatted(child(p, 'prefix'), from.prefix, envVarName);
    for (const source of ['configMapRef', 'secretRef'] as const) {
      const reference = from[source];
      if (reference)
        errors.push(...requiredFormatted(child(child(p, source), 'name'), reference.name, dns1123Subdomain));
    }
    if (!from.configMapRef && !from.secretRef)
      errors.push(invalidValue(path, '', 'must specify one of: `configMapRef` or `secretRef`'));
    else if (from.configMapRef && from.secretRef)
      errors.push(invalidValue(path, '', 'may not have more than one field specified at a time'));
    return errors;
  });
}

/** Paths inside the volume, propagation and the like are told of the whole list, as Kubernetes does. */
function validateMounts(container: Container, path: string, pod: PodContext): FieldError[] {
  const points = new Set<string>();
  const devices = container.volumeDevices ?? [];
  return each(container.volumeMounts, path, (mount, p) => {
    const { name, mountPath } = mount;
    const errors = name ? [] : [required(child(p, 'name'))];
    if (!pod.volumes.has(name)) errors.push(missing(child(p, 'name'), name));
    if (!mountPath) errors.push(required(child(p, 'mountPath')));
    if (points.has(mountPath)) errors.push(invalidValue(child(p, 'mountPath'), mountPath, 'must be unique'));
    points.add(mountPath);
    if (devices.some((device) => device.name === name))
      errors.push(invalidValue(child(p, 'name'), name, 'must not already exist in volumeDevices'));
    if (devices.some((device) => device.devicePath === mountPath))
      errors.push(invalidValue(child(p, 'mountPath'), mountPath, 'must not already exist as a path in volumeDevices'));
    errors.push(...innerPath(child(path, 'subPath'), mount.subPath));
    if (mount.subPath && mount.subPathExpr)
      errors.push(
        invalidValue(child(p, 'subPathExpr'), mount.subPathExpr, 'subPathExpr and subPath are mutually exclusive'),
      );
    errors.push(...innerPath(child(path, 'subPathExpr'), mount.subPathExpr));
    return [...errors, ...validatePropagation(mount, container, path)];
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

function validateDevices({ volumeDevices, volumeMounts = [] }: Container, path: string, pod: PodContext): FieldError[] {
  const names = new Set<string>();
  const paths = new Set<string>();
  return each(volumeDevices, path, ({ name, devicePath }, p) => {
    const wrongName = (text: string) => errors.push(invalidValue(child(p, 'name'), name, text));
    const wrongPath = (text: string) => errors.push(invalidValue(child(p, 'devicePath'), devicePath, text));
    const errors = name ? [] : [required(child(p, 'name'))];
    const volume = pod.volumes.get(name);
    if (names.has(name)) wrongName('must be unique');
    if (!volume) errors.push(missing(child(p, 'name'), name));
    else if (!volume.persistentVolumeClaim && !volume.ephemeral)
      wrongName('can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode');
    if (!devicePath) errors.push(required(child(p, 'devicePath')));
    if (paths.has(devicePath)) wrongPath('must be unique');
    if (devicePath && noBacksteps(p, devicePath).length > 0) wrongPath("can not contain backsteps ('..')");
    else paths.add(devicePath);
    if (volumeMounts.some((mount) => mount.name === name)) wrongName('must not already exist in volumeMounts');
    if (volumeMounts.some((mount) => mount.mountPath === devicePath))
      wrongPath('must not already exist as a path in volumeMounts');
    if (name) names.add(name);
    return errors;
  });
}

/** What happens to a container whose resources are changed. */
function resizePolicy(
  { resizePolicy: list }: Container,
  path: string,
  restartPolicy: string | undefined,
): FieldError[] {
  const names = new Set<string>();
  return each(list, path, (policy, p) => {
    const errors = names.has(policy.resourceName) ? [duplicate(p, policy.resourceName)] : [];
    names.add(policy.resourceName);
    errors.push(...requiredOneOf(path, policy.resourceName, ['cpu', 'memory']));
    errors.push(...requiredOneOf(path, policy.restartPolicy, ['NotRequired', 'RestartContainer']));
    if (restartPolicy === 'Never' && policy.restartPolicy !== 'NotRequired')
      errors.push(invalidValue(path, policy.restartPolicy, "must be 'NotRequired' when `restartPolicy` is 'Never'"));
    return errors;
  });
}

/** Two containers of a pod cannot have the same port of the node. `first` is the index of the first of them. */
export function hostPortConflicts(containers: Container[], path: string, first = 0): FieldError[] {
  const taken = new Set<string>();
  return containers.flatMap((container, i) =>
    each(container.ports, child(at(path, first + i), 'ports'), (port, p) => {
      if (!port.hostPort) return [];
      const id = `${port.protocol}/${port.hostIP ?? ''}/${port.hostPort}`;
      if (taken.has(id)) return [duplicate(child(p, 'hostPort'), id)];
      taken.add(id);
      return [];
    }),
  );
}
