import {
  certificateApproval,
  certificateSigning,
  certificateSubjectRestriction,
  clusterTrustBundleAttest,
} from './certificate-signers.ts';
import { certificateRequestOwner } from './certificate-request.ts';
import { claimStatusAuthorization } from './claim-status-authorization.ts';
import { defaultIngressClass } from './default-ingress-class.ts';
import { defaultStorageClass } from './default-storage-class.ts';
import { defaultTolerationSeconds } from './default-toleration-seconds.ts';
import { limitRanger } from './limit-ranger.ts';
import { namespaceLifecycle } from './namespace-lifecycle.ts';
import { nodeRestriction } from './node-restriction.ts';
import { persistentVolumeClaimResize } from './persistent-volume-claim-resize.ts';
import type { AdmissionPlugin } from './plugin.ts';
import { podSecurity } from './pod-security/pod-security.ts';
import { podSecurityOptions } from './pod-security/pod-security-config.ts';
import type { PluginConfigurations } from './admission-config.ts';
import { podTopologyLabels } from './pod-topology-labels.ts';
import { priority } from './priority.ts';
import { rbacEscalation } from './rbac-escalation.ts';
import { runtimeClass } from './runtime-class.ts';
import { serviceAccount } from './service-account.ts';
import { storageObjectInUseProtection } from './storage-object-in-use-protection.ts';
import { taintNodesByCondition } from './taint-nodes-by-condition.ts';

import { alwaysAdmit, alwaysDeny } from './always.ts';
import { alwaysPullImages } from './always-pull-images.ts';
import { denyServiceExternalIps } from './deny-service-external-ips.ts';
import { eventRateLimit } from './event-rate-limit.ts';
import { extendedResourceToleration } from './extended-resource-toleration.ts';
import { imagePolicyWebhook } from './image-policy-webhook.ts';
import { limitPodHardAntiAffinityTopology } from './limit-pod-hard-anti-affinity-topology.ts';
import { namespaceExists } from './namespace-exists.ts';
import { nodeDeclaredFeatureValidator } from './node-declared-feature-validator.ts';
import {
  ownerReferencesPermissionEnforcement,
  type ResourceOfKind,
} from './owner-references-permission-enforcement.ts';
import { podGroupProtection } from './pod-group-protection.ts';
import { podNodeSelector } from './pod-node-selector.ts';
import { podResizeValidator } from './pod-resize-validator.ts';
import { podTolerationRestriction } from './pod-toleration-restriction.ts';

/** Which plugins run, and what they are told. */
export interface PluginOptions {
  /** Names, besides those that are on by themselves. */
  enabled?: readonly string[];
  disabled?: readonly string[];
  configurations?: PluginConfigurations;
}

/** What plugins need of the server that not every request brings. */
export interface PluginDeps {
  resourceOf: ResourceOfKind;
  readFile: (path: string) => string;
}

type Make = (configuration: unknown, deps: PluginDeps) => AdmissionPlugin;

/** A plugin that can be turned on and off. */
interface Offered {
  name: string;
  isOn: boolean;
  make: Make;
}

const on = (plugin: AdmissionPlugin): Offered => ({ name: plugin.name, isOn: true, make: () => plugin });
const off = (plugin: AdmissionPlugin): Offered => ({ ...on(plugin), isOn: false });
const told = (name: string, make: Make, isOn = false): Offered => ({ name, isOn, make });

/** In the order in which they run: Kubernetes' (facts, admissionPlugins). NodeRestriction is on because every installer turns it on. */
const offered: readonly Offered[] = [
  off(alwaysAdmit),
  on(namespaceLifecycle),
  off(namespaceExists),
  off(limitPodHardAntiAffinityTopology),
  on(limitRanger),
  on(serviceAccount),
  on(nodeRestriction),
  on(taintNodesByCondition),
  off(alwaysPullImages),
  told('ImagePolicyWebhook', (told, { readFile }) => imagePolicyWebhook(told, readFile)),
  told('PodSecurity', (told) => podSecurity(told ? podSecurityOptions(told) : undefined), true),
  told('PodNodeSelector', podNodeSelector),
  on(priority),
  on(defaultTolerationSeconds),
  told('PodTolerationRestriction', podTolerationRestriction),
  told('EventRateLimit', eventRateLimit),
  off(extendedResourceToleration),
  on(defaultStorageClass),
  on(storageObjectInUseProtection),
  on(podGroupProtection),
  told('OwnerReferencesPermissionEnforcement', (_, { resourceOf }) => ownerReferencesPermissionEnforcement(resourceOf)),
  on(persistentVolumeClaimResize),
  on(runtimeClass),
  on(certificateApproval),
  on(certificateSigning),
  on(clusterTrustBundleAttest),
  on(certificateSubjectRestriction),
  on(defaultIngressClass),
  off(denyServiceExternalIps),
  on(podTopologyLabels),
  on(nodeDeclaredFeatureValidator),
  on(podResizeValidator),
];

/** Those that run after all others: see `extension-plugins.ts`. */
export const extensionNames = [
  'MutatingAdmissionPolicy',
  'MutatingAdmissionWebhook',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionWebhook',
];

/** Whether a plugin runs. Throws an Error, in Kubernetes' words, for names that there are not, or that are given twice. */
export function choiceOf({ enabled = [], disabled = [] }: PluginOptions): (name: string) => boolean {
  const known = [...offered.map(({ name }) => name), ...extensionNames, alwaysDeny.name];
  for (const [flag, names] of Object.entries({ enable: enabled, disable: disabled }))
    for (const name of names) {
      if (name === 'ResourceQuota' && flag === 'disable')
        throw new Error(`plugin ${JSON.stringify(name)} cannot be disabled`);
      if (!known.includes(name) && name !== 'ResourceQuota')
        throw new Error(`${flag}-admission-plugins plugin ${JSON.stringify(name)} is unknown`);
    }
  const both = enabled.filter((name) => disabled.includes(name));
  if (both.length > 0)
    throw new Error(`[${both.join(' ')}] in enable-admission-plugins and disable-admission-plugins overlapped`);
  const usual = new Set([...offered.filter(({ isOn }) => isOn).map(({ name }) => name), ...extensionNames]);
  return (name) => enabled.includes(name) || (usual.has(name) && !disabled.includes(name));
}

/**
 * The plugins that run before those of `extension-plugins.ts`. The first two and the last are what Kubernetes does in the registries of the
 * kinds: the first comes before all that read what it writes. Throws an Error for a configuration that is wrong.
 */
export function pluginsWith(options: PluginOptions, deps: PluginDeps): AdmissionPlugin[] {
  const runs = choiceOf(options);
  const chosen = offered.filter(({ name }) => runs(name));
  return [
    certificateRequestOwner,
    claimStatusAuthorization,
    ...chosen.map(({ name, make }) => make(options.configurations?.[name], deps)),
    rbacEscalation,
  ];
}

/** What runs last of all, where it is turned on. */
export const lastPlugins = (options: PluginOptions): AdmissionPlugin[] =>
  choiceOf(options)(alwaysDeny.name) ? [alwaysDeny] : [];
