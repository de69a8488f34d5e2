import type { Volume } from '../../../api/generated/types.ts';
import { addedCapabilities, unconfined } from './baseline-checks.ts';
import {
  type Check,
  containersOf,
  distinct,
  isWindows,
  named,
  plural,
  quotedList,
  securityOf,
  setters,
} from './checked-pod.ts';

/** Controls of Linux say nothing of pods that run on Windows (since v1.25). */
export const unlessWindows =
  (check: Check): Check =>
  (pod) =>
    isWindows(pod) ? undefined : check(pod);

export const allowPrivilegeEscalation: Check = (pod) => {
  const found = containersOf(pod).filter((container) => securityOf(container).allowPrivilegeEscalation !== false);
  if (found.length === 0) return undefined;
  const detail = `${named(found)} must set securityContext.allowPrivilegeEscalation=false`;
  return { reason: 'allowPrivilegeEscalation != false', detail };
};

const stillAllowed = new Set(['NET_BIND_SERVICE']);

export const capabilitiesRestricted: Check = (pod) => {
  const keeping = containersOf(pod).filter((c) => !securityOf(c).capabilities?.drop?.includes('ALL'));
  const details = keeping.length > 0 ? [`${named(keeping)} must set securityContext.capabilities.drop=["ALL"]`] : [];
  const added = addedCapabilities(pod, stillAllowed);
  if (added !== undefined) details.push(added);
  return details.length > 0 ? { reason: 'unrestricted capabilities', detail: details.join('; ') } : undefined;
};

const allowedVolumes: readonly (keyof Volume)[] = [
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'image',
  'persistentVolumeClaim',
  'projected',
  'secret',
];

export const restrictedVolumes: Check = ({ spec }) => {
  const found = (spec.volumes ?? []).filter((volume) => !allowedVolumes.some((type) => volume[type] !== undefined));
  if (found.length === 0) return undefined;
  const typeOf = (volume: Volume) => Object.keys(volume).find((key) => key !== 'name') ?? 'unknown';
  const types = distinct(found.map(typeOf));
  const what = `${plural('volume', 'volumes', found.length)} ${quotedList(found.map(({ name }) => name))}`;
  const uses = plural('uses', 'use', found.length);
  const detail = `${what} ${uses} restricted volume ${plural('type', 'types', types.length)} ${quotedList(types)}`;
  return { reason: 'restricted volume types', detail };
};

export const runAsNonRoot: Check = (pod) => {
  const ofPod = pod.spec.securityContext?.runAsNonRoot;
  const containers = containersOf(pod);
  const asRoot = containers.filter((container) => securityOf(container).runAsNonRoot === false);
  const reason = 'runAsNonRoot != true';
  if (ofPod === false || asRoot.length > 0)
    return { reason, detail: `${setters(ofPod === false, asRoot)} must not set securityContext.runAsNonRoot=false` };
  const silent = containers.filter((container) => securityOf(container).runAsNonRoot === undefined);
  if (ofPod === true || silent.length === 0) return undefined;
  return { reason, detail: `pod or ${named(silent)} must set securityContext.runAsNonRoot=true` };
};

export const runAsUser: Check = (pod) => {
  const byPod = pod.spec.securityContext?.runAsUser === 0;
  const asRoot = containersOf(pod).filter((container) => securityOf(container).runAsUser === 0);
  if (!byPod && asRoot.length === 0) return undefined;
  return { reason: 'runAsUser=0', detail: `${setters(byPod, asRoot)} must not set runAsUser=0` };
};

export const seccompProfileRestricted: Check = (pod) => {
  const reason = 'seccompProfile';
  const off = unconfined(pod);
  if (off !== undefined) return { reason, detail: off };
  const silent = containersOf(pod).filter((container) => securityOf(container).seccompProfile?.type === undefined);
  if (pod.spec.securityContext?.seccompProfile?.type !== undefined || silent.length === 0) return undefined;
  const detail = `pod or ${named(silent)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"`;
  return { reason, detail };
};
