import { type ServingOptions, servedResources } from '../api/served-versions.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Metrics } from '../base/metrics.ts';
import type { Rng } from '../base/rng.ts';
import type { Client } from '../client/client.ts';
import { BroadcastingRecorder } from '../client/event-recorder.ts';
import { informersFor } from '../client/informers.ts';
import { WorkQueueMetrics } from '../client/work-queue-metrics.ts';
import type { KeyPair } from '../pki/issue.ts';
import { bootstrapTokenCleanup } from './bootstraptoken/cleanup.ts';
import { bootstrapTokenSigner } from './bootstraptoken/signer.ts';
import { certificateApproving } from './certificate/approving.ts';
import { certificateCleanup } from './certificate/cleanup.ts';
import { certificateSigning } from './certificate/signing.ts';
import { clusterRoleAggregation } from './clusterrole/aggregation.ts';
import { cronJobSchedule } from './cronjob/schedule.ts';
import { daemonSetPods } from './daemonset/pods.ts';
import { deploymentRollout } from './deployment/rollout.ts';
import { disruptionBudget } from './disruption/budget.ts';
import { disruptionStaleTarget } from './disruption/stale-target.ts';
import { endpointSliceMirroring } from './endpointslice/mirroring.ts';
import { endpointSliceService } from './endpointslice/service.ts';
import { endpointsService } from './endpoints/service.ts';
import { garbageCollection } from './garbage/collection.ts';
import type { MetricsSource } from './horizontalpodautoscaler/metrics.ts';
import { gatewayDefinitionsUpkeep } from './gateway/definitions.ts';
import { gatewayProxy } from './gateway/proxy.ts';
import { horizontalPodAutoscalerScaling } from './horizontalpodautoscaler/scaling.ts';
import { ingressProxy } from './ingress/proxy.ts';
import { jobCompletion } from './job/completion.ts';
import { jobTtl } from './job/ttl.ts';
import { namespaceDeletion } from './namespace/deletion.ts';
import { namespaceRootCa } from './namespace/root-ca.ts';
import { nodeLifecycle } from './node/lifecycle.ts';
import { nodePodCidr } from './node/pod-cidr.ts';
import { nodeTaintEviction } from './node/taint-eviction.ts';
import { nodeTtl } from './node/ttl.ts';
import { persistentVolumeBinding } from './persistentvolume/binding.ts';
import { persistentVolumeLocalPath } from './persistentvolume/local-path.ts';
import { persistentVolumePhase } from './persistentvolume/phase.ts';
import { persistentVolumeProtection } from './persistentvolume/protection.ts';
import { persistentVolumeClaimExpansion } from './persistentvolumeclaim/expansion.ts';
import { persistentVolumeClaimLocalPath } from './persistentvolumeclaim/local-path.ts';
import { persistentVolumeClaimProtection } from './persistentvolumeclaim/protection.ts';
import { podEphemeralVolumes } from './pod/ephemeral-volumes.ts';
import { podGarbage } from './pod/garbage.ts';
import { podTerminatedGarbage } from './pod/terminated-garbage.ts';
import { podUnscheduledGarbage } from './pod/unscheduled-garbage.ts';
import { replicaSetReplicas } from './replicaset/replicas.ts';
import { replicationControllerReplicas } from './replicationcontroller/replicas.ts';
import { deviceTaintEviction } from './resourceclaim/device-taint-eviction.ts';
import { resourceClaimPodClaims } from './resourceclaim/pod-claims.ts';
import { resourceClaimRelease } from './resourceclaim/release.ts';
import { resourceQuotaUsage } from './resourcequota/usage.ts';
import { type ControllerDefinition, ControllerLoop, type ReconcileReport } from './runtime.ts';
import { serviceLoadBalancer } from './service/load-balancer.ts';
import { serviceCidrStatus } from './servicecidr/status.ts';
import { serviceAccountDefault } from './serviceaccount/default.ts';
import { serviceAccountTokenSecrets } from './serviceaccount/token-secrets.ts';
import { serviceAccountUnusedTokens } from './serviceaccount/unused-tokens.ts';
import { statefulSetReplicas } from './statefulset/replicas.ts';
import { validatingAdmissionPolicyStatus } from './validatingadmissionpolicy/status.ts';
import { podGroupProtection } from './podgroup/protection.ts';
import { volumeAttachment } from './volumeattachment/attachment.ts';
import { volumeAttributesClassProtection } from './volumeattributesclass/protection.ts';

export interface ControllerOptions {
  /** PEM of the cluster's authority; without it nothing is published. */
  rootCaPem?: string;
  /** The network pods are in, IPv4; without it nodes get no `podCIDR`. */
  podCidr?: string;
  /** Addresses for services of type LoadBalancer, IPv4; without it they stay without one. */
  loadBalancerCidr?: string;
  /** Whether Ingresses and Gateways are served here; their proxies need addresses of load balancers. */
  ingress?: boolean;
  /** The cluster's authority; without it no certificate is signed. */
  authority?: KeyPair;
  /** Signs tokens of service accounts that live in Secrets; without it none are made. */
  signToken?: (claims: object) => string;
  /** Where autoscalers get their numbers; the cluster's metrics APIs when absent. */
  metrics?: MetricsSource;
}

/** All controllers. A new one is one file, its test, and one line here. */
export const controllers = ({
  rootCaPem,
  podCidr,
  loadBalancerCidr,
  ingress,
  authority,
  signToken,
  metrics,
}: ControllerOptions): ControllerDefinition[] => [
  namespaceDeletion,
  ...(rootCaPem === undefined ? [] : [namespaceRootCa(rootCaPem)]),
  serviceAccountDefault,
  ...(signToken && rootCaPem ? [serviceAccountTokenSecrets({ signToken, rootCaPem })] : []),
  serviceAccountUnusedTokens,
  ...(podCidr === undefined ? [] : [nodePodCidr(podCidr)]),
  nodeLifecycle,
  nodeTaintEviction,
  nodeTtl,
  bootstrapTokenCleanup,
  bootstrapTokenSigner,
  serviceCidrStatus,
  ...(loadBalancerCidr === undefined ? [] : [serviceLoadBalancer(loadBalancerCidr)]),
  ...(ingress ? [ingressProxy, gatewayDefinitionsUpkeep, gatewayProxy] : []),
  certificateApproving,
  ...(authority === undefined ? [] : [certificateSigning(authority)]),
  certificateCleanup,
  clusterRoleAggregation,
  deploymentRollout,
  replicaSetReplicas,
  replicationControllerReplicas,
  statefulSetReplicas,
  daemonSetPods,
  disruptionBudget,
  disruptionStaleTarget,
  endpointSliceService,
  endpointSliceMirroring,
  endpointsService,
  cronJobSchedule,
  jobCompletion,
  jobTtl,
  podEphemeralVolumes,
  persistentVolumeBinding,
  persistentVolumePhase,
  persistentVolumeClaimProtection,
  persistentVolumeProtection,
  persistentVolumeClaimExpansion,
  persistentVolumeClaimLocalPath,
  persistentVolumeLocalPath,
  validatingAdmissionPolicyStatus,
  volumeAttachment,
  volumeAttributesClassProtection,
  resourceClaimPodClaims,
  resourceClaimRelease,
  deviceTaintEviction,
  resourceQuotaUsage,
  horizontalPodAutoscalerScaling(metrics),
  podGroupProtection,
  podGarbage,
  podUnscheduledGarbage,
  podTerminatedGarbage,
  garbageCollection,
];

export interface StartDeps {
  /** A client with the identity `system:serviceaccount:kube-system:<name>`. */
  clientFor(serviceAccount: string): Client;
  /** Fills the shared caches: reads everything, as `system:kube-controller-manager` may. */
  cacheClient: Client;
  clock: Clock;
  rng: Rng;
  log: Logger;
  /** Where the work queues count, each under its controller's name. */
  metrics?: Metrics | undefined;
  onReconcile?(report: ReconcileReport): void;
}

export interface StartOptions extends ControllerOptions {
  /** Names of the controllers to run; all when absent. An unknown name throws. */
  only?: readonly string[];
  /** Which versions the server has. */
  serving?: ServingOptions | undefined;
}

export interface RunningControllers {
  stop(): void;
  /** Resolves when every controller's caches are filled and it works. */
  synced: Promise<void>;
}

export function startControllers(deps: StartDeps, options: StartOptions = {}): RunningControllers {
  const { clock, rng, log, onReconcile } = deps;
  const queueMetrics = deps.metrics && new WorkQueueMetrics(deps.metrics);
  const informers = informersFor(deps.cacheClient, { clock, rng, log });
  const kinds = servedResources(options.serving);
  const recorders: BroadcastingRecorder[] = [];
  const loops = chosen(options).map((definition) => {
    const { serviceAccount: account } = definition;
    const client = account === undefined ? deps.cacheClient : deps.clientFor(account);
    const component = definition.eventSource ?? account ?? definition.name;
    const recorder = new BroadcastingRecorder({ client, clock, log }, { component });
    recorders.push(recorder);
    return new ControllerLoop(
      { client, informers, recorder, clock, rng, log, kinds, queueMetrics, onReconcile },
      definition,
    );
  });
  informers.start();
  return {
    stop() {
      for (const loop of loops) loop.stop();
      for (const recorder of recorders) recorder.stop();
      informers.stop();
    },
    synced: Promise.all(loops.map((loop) => loop.synced)).then(() => {}),
  };
}

function chosen({ only, ...options }: StartOptions): ControllerDefinition[] {
  const all = controllers(options);
  if (!only) return all;
  return only.map((name) => {
    const found = all.find((definition) => definition.name === name);
    if (!found) throw new Error(`there is no controller ${name}`);
    return found;
  });
}
