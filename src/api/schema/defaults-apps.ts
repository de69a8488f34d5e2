import type {
  DaemonSetUpdateStrategy,
  DeploymentStrategy,
  HPAScalingRules,
  HorizontalPodAutoscalerBehavior,
  Job,
  JobSpec,
  StatefulSetSpec,
  StatefulSetUpdateStrategy,
} from '../generated/types.ts';
import type { DefaultsTable } from './defaults.ts';

const apps = 'io.k8s.api.apps.v1.';
const batch = 'io.k8s.api.batch.v1.';
const autoscaling = 'io.k8s.api.autoscaling.v2.';

function deploymentStrategy(strategy: DeploymentStrategy): void {
  strategy.type ||= 'RollingUpdate';
  if (strategy.type !== 'RollingUpdate') return;
  const { maxUnavailable = '25%', maxSurge = '25%' } = strategy.rollingUpdate ?? {};
  strategy.rollingUpdate = { maxUnavailable, maxSurge };
}

function daemonSetStrategy(strategy: DaemonSetUpdateStrategy): void {
  strategy.type ||= 'RollingUpdate';
  if (strategy.type !== 'RollingUpdate') return;
  const { maxUnavailable = 1, maxSurge = 0 } = strategy.rollingUpdate ?? {};
  strategy.rollingUpdate = { maxUnavailable, maxSurge };
}

function statefulSetStrategy(strategy: StatefulSetUpdateStrategy): void {
  if (!strategy.type) {
    strategy.type = 'RollingUpdate';
    strategy.rollingUpdate ??= {};
  }
  if (strategy.type !== 'RollingUpdate' || !strategy.rollingUpdate) return;
  const { partition = 0, ...rest } = strategy.rollingUpdate;
  strategy.rollingUpdate = { partition, ...rest };
}

/** Claims inside a StatefulSet are whole objects: they carry their kind. */
function claimKinds(spec: StatefulSetSpec): void {
  spec.volumeClaimTemplates = spec.volumeClaimTemplates?.map((claim) =>
    Object.assign({ kind: 'PersistentVolumeClaim', apiVersion: 'v1' }, claim),
  );
  if (!spec.volumeClaimTemplates) delete spec.volumeClaimTemplates;
}

function jobCounts(spec: JobSpec): void {
  if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1;
  spec.parallelism ??= 1;
}

function job(object: Job): void {
  jobCounts(object.spec);
  const { spec } = object;
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? 6 : 2_147_483_647;
  spec.completionMode ??= 'NonIndexed';
  spec.suspend ??= false;
  spec.podReplacementPolicy ??= spec.podFailurePolicy ? 'Failed' : 'TerminatingOrFailed';
  spec.manualSelector ??= false;
  const labels = spec.template?.metadata?.labels;
  if (labels && !object.metadata.labels) object.metadata.labels = { ...labels };
}

/** What is given wins over what scaling up or down does by default. */
const scalingRules = (defaults: HPAScalingRules, given: HPAScalingRules | undefined): HPAScalingRules => {
  const { stabilizationWindowSeconds, selectPolicy, policies, tolerance } = { ...defaults, ...given };
  return {
    ...(stabilizationWindowSeconds === undefined ? {} : { stabilizationWindowSeconds }),
    selectPolicy,
    policies,
    ...(tolerance === undefined ? {} : { tolerance }),
  };
};

function hpaBehavior(behavior: HorizontalPodAutoscalerBehavior): void {
  const doubling = { type: 'Percent', value: 100, periodSeconds: 15 };
  behavior.scaleUp = scalingRules(
    {
      stabilizationWindowSeconds: 0,
      selectPolicy: 'Max',
      policies: [{ type: 'Pods', value: 4, periodSeconds: 15 }, doubling],
    },
    behavior.scaleUp,
  );
  behavior.scaleDown = scalingRules({ selectPolicy: 'Max', policies: [{ ...doubling }] }, behavior.scaleDown);
}

const cpuAt80 = () => [
  { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } },
];

/** Workloads: apps, batch, autoscaling. */
export const appsDefaults: DefaultsTable = {
  [`${apps}DeploymentSpec`]: { unset: { replicas: 1, revisionHistoryLimit: 10, progressDeadlineSeconds: 600 } },
  [`${apps}DeploymentStrategy`]: { apply: deploymentStrategy },
  [`${apps}DaemonSetSpec`]: { unset: { revisionHistoryLimit: 10 } },
  [`${apps}DaemonSetUpdateStrategy`]: { apply: daemonSetStrategy },
  [`${apps}StatefulSetSpec`]: {
    apply: claimKinds,
    unset: {
      replicas: 1,
      podManagementPolicy: 'OrderedReady',
      revisionHistoryLimit: 10,
      persistentVolumeClaimRetentionPolicy: () => ({}),
    },
  },
  [`${apps}StatefulSetUpdateStrategy`]: { apply: statefulSetStrategy },
  [`${apps}StatefulSetPersistentVolumeClaimRetentionPolicy`]: {
    unset: { whenDeleted: 'Retain', whenScaled: 'Retain' },
  },
  [`${apps}ReplicaSetSpec`]: { unset: { replicas: 1 } },
  [`${batch}Job`]: { apply: job, reorder: ['metadata', 'spec'] },
  [`${batch}CronJobSpec`]: {
    unset: {
      concurrencyPolicy: 'Allow',
      suspend: false,
      successfulJobsHistoryLimit: 3,
      failedJobsHistoryLimit: 1,
    },
  },
  [`${batch}PodFailurePolicyOnPodConditionsPattern`]: { unset: { status: 'True' } },
  'io.k8s.api.autoscaling.v1.HorizontalPodAutoscalerSpec': { unset: { minReplicas: 1 } },
  [`${autoscaling}HorizontalPodAutoscalerSpec`]: {
    unset: { minReplicas: 1, metrics: cpuAt80 },
  },
  [`${autoscaling}HorizontalPodAutoscalerBehavior`]: { apply: hpaBehavior },
};
