import type {
  DaemonSet,
  Deployment,
  LabelSelector,
  PodTemplateSpec,
  ReplicaSet,
  ReplicationController,
  StatefulSet,
  StatefulSetSpec,
  ControllerRevision,
} from '../generated/types.ts';
import { matchesLabelSelector } from '../meta/label-selector.ts';
import { dns1123Label } from '../meta/name-format.ts';
import { goForm } from '../schema/go-form.ts';
import {
  atMostAll,
  child,
  countOrPercent,
  each,
  type FieldError,
  forbidden,
  formatted,
  immutable,
  invalidValue,
  nonNegative,
  notSupported,
  oneOf,
  percentage,
  required,
  same,
  validateLabelSelector,
} from './check.ts';
import { validateClaimSpec } from './claim.ts';
import { validatePodTemplate } from './pod-spec.ts';

type Amount = number | string | undefined;

/** The selector of a workload: there, not empty, and well formed. */
function workloadSelector(selector: LabelSelector | undefined | null, kind: string): FieldError[] {
  if (!selector) return [required('spec.selector')];
  const errors = validateLabelSelector(selector, 'spec.selector');
  if (Object.keys(selector.matchLabels ?? {}).length === 0 && !selector.matchExpressions?.length)
    errors.push(invalidValue('spec.selector', selector, `empty selector is invalid for ${kind}`));
  else if (errors.some((error) => error.field.endsWith('.operator') || error.field.endsWith('.values')))
    errors.push(invalidValue('spec.selector', selector, 'invalid label selector'));
  return errors;
}

/** A template whose pods the selector finds, and which run for ever. */
function workloadTemplate(
  template: PodTemplateSpec,
  selector: LabelSelector | undefined | null,
  kind: string,
): FieldError[] {
  const path = 'spec.template';
  const errors: FieldError[] = [];
  const labels = template.metadata?.labels;
  const usable = selector && validateLabelSelector(selector, '').length === 0;
  const unmatched = selector ? usable && !matchesLabelSelector(selector, labels ?? {}) : true;
  if (unmatched && !isEmpty(selector))
    errors.push(invalidValue(`${path}.metadata.labels`, labels ?? null, '`selector` does not match template `labels`'));
  errors.push(...validatePodTemplate(template, path));
  const policy = template.spec?.restartPolicy;
  if (policy && policy !== 'Always' && errors.every((e) => e.field !== `${path}.spec.restartPolicy`))
    errors.push(notSupported(`${path}.spec.restartPolicy`, policy, ['Always']));
  if (template.spec?.activeDeadlineSeconds !== undefined)
    errors.push(forbidden(`${path}.spec.activeDeadlineSeconds`, `activeDeadlineSeconds in ${kind} is not Supported`));
  return errors;
}

const isEmpty = (selector: LabelSelector | undefined | null): boolean =>
  !!selector && Object.keys(selector.matchLabels ?? {}).length === 0 && !selector.matchExpressions?.length;

const isZero = (amount: Amount): boolean => amount === undefined || amount === 0 || percentage(amount) === 0;

function rollingDeployment(rolling: { maxUnavailable?: Amount; maxSurge?: Amount }, path: string): FieldError[] {
  const { maxUnavailable, maxSurge } = rolling;
  const errors = [
    ...countOrPercent(child(path, 'maxUnavailable'), maxUnavailable),
    ...countOrPercent(child(path, 'maxSurge'), maxSurge),
  ];
  if (errors.length === 0 && isZero(maxUnavailable) && isZero(maxSurge))
    errors.push(invalidValue(child(path, 'maxUnavailable'), maxUnavailable ?? 0, 'may not be 0 when `maxSurge` is 0'));
  return [...errors, ...atMostAll(child(path, 'maxUnavailable'), maxUnavailable)];
}

const apps = 'io.k8s.api.apps.v1.';

function deploymentStrategy({ strategy }: Deployment['spec']): FieldError[] {
  const path = 'spec.strategy';
  const { type, rollingUpdate } = strategy ?? {};
  switch (type) {
    case 'Recreate':
      return rollingUpdate
        ? [forbidden(`${path}.rollingUpdate`, "may not be specified when strategy `type` is 'Recreate'")]
        : [];
    case 'RollingUpdate':
      return rollingUpdate
        ? rollingDeployment(rollingUpdate, `${path}.rollingUpdate`)
        : [required(`${path}.rollingUpdate`, 'this should be defaulted and never be nil')];
    default:
      return [notSupported(path, goForm(`${apps}DeploymentStrategy`, strategy ?? {}), ['Recreate', 'RollingUpdate'])];
  }
}

export function validateDeployment({ spec }: Deployment): FieldError[] {
  const errors = [
    ...nonNegative('spec.replicas', spec.replicas),
    ...workloadSelector(spec.selector, 'deployment'),
    ...workloadTemplate(spec.template, spec.selector, 'ReplicaSet'),
    ...deploymentStrategy(spec),
    ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
    ...nonNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit),
    ...nonNegative('spec.progressDeadlineSeconds', spec.progressDeadlineSeconds),
  ];
  const deadline = spec.progressDeadlineSeconds;
  if (deadline !== undefined && deadline <= (spec.minReadySeconds ?? 0))
    errors.push(invalidValue('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds'));
  return errors;
}

export const validateReplicaSet = ({ spec }: ReplicaSet): FieldError[] => [
  ...nonNegative('spec.replicas', spec.replicas),
  ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
  ...workloadSelector(spec.selector, 'replicaset'),
  ...(spec.template ? workloadTemplate(spec.template, spec.selector, 'ReplicaSet') : [required('spec.template')]),
];

export function validateReplicationController({ spec }: ReplicationController): FieldError[] {
  const errors = nonNegative('spec.minReadySeconds', spec.minReadySeconds);
  if (!spec.selector || Object.keys(spec.selector).length === 0) errors.push(required('spec.selector'));
  errors.push(
    ...(spec.replicas === undefined ? [required('spec.replicas')] : nonNegative('spec.replicas', spec.replicas)),
  );
  if (!spec.template) return [...errors, required('spec.template')];
  return [...errors, ...workloadTemplate(spec.template, { matchLabels: spec.selector ?? {} }, 'ReplicationController')];
}

/** Selectors of workloads in apps/v1 never change. */
export const validateSelectorUpdate = (
  object: { spec: { selector?: LabelSelector } },
  old: { spec: { selector?: LabelSelector } },
): FieldError[] => immutable('spec.selector', object.spec.selector, old.spec.selector);

export function validateDaemonSet({ spec }: DaemonSet): FieldError[] {
  return [
    // A missing selector is only told by the template that it does not match.
    ...(spec.selector ? workloadSelector(spec.selector, 'daemonset') : []),
    ...workloadTemplate(spec.template, spec.selector, 'DaemonSet'),
    ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
    ...daemonSetStrategy(spec),
    ...nonNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit),
  ];
}

function daemonSetStrategy({ updateStrategy }: DaemonSet['spec']): FieldError[] {
  const { type, rollingUpdate } = updateStrategy ?? {};
  const path = 'spec.updateStrategy.rollingUpdate';
  if (type === 'OnDelete') return [];
  if (type !== 'RollingUpdate')
    return [
      notSupported('spec.updateStrategy', goForm(`${apps}DaemonSetUpdateStrategy`, updateStrategy ?? {}), [
        'RollingUpdate',
        'OnDelete',
      ]),
    ];
  if (!rollingUpdate) return [required(path)];
  const { maxUnavailable, maxSurge } = rollingUpdate;
  const errors = [
    ...countOrPercent(`${path}.maxUnavailable`, maxUnavailable),
    ...countOrPercent(`${path}.maxSurge`, maxSurge),
  ];
  if (errors.length > 0) return errors;
  if (isZero(maxUnavailable) && isZero(maxSurge))
    errors.push(required(`${path}.maxUnavailable`, 'cannot be 0 when maxSurge is 0'));
  if (!isZero(maxUnavailable) && !isZero(maxSurge))
    errors.push(invalidValue(`${path}.maxSurge`, maxSurge, 'may not be set when maxUnavailable is non-zero'));
  return [
    ...errors,
    ...atMostAll(`${path}.maxUnavailable`, maxUnavailable),
    ...atMostAll(`${path}.maxSurge`, maxSurge),
  ];
}

export function validateStatefulSet({ spec }: StatefulSet): FieldError[] {
  const retention = spec.persistentVolumeClaimRetentionPolicy;
  const keep = 'spec.persistentVolumeClaimRetentionPolicy';
  return [
    ...managementPolicy(spec),
    ...statefulSetStrategy(spec),
    ...oneOf(`${keep}.whenDeleted`, retention?.whenDeleted, ['Delete', 'Retain']),
    ...oneOf(`${keep}.whenScaled`, retention?.whenScaled, ['Delete', 'Retain']),
    ...nonNegative('spec.replicas', spec.replicas),
    ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
    ...nonNegative('spec.ordinals.start', spec.ordinals?.start),
    ...nonNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit),
    ...workloadSelector(spec.selector, 'statefulset'),
    ...workloadTemplate(withClaims(spec), spec.selector, 'StatefulSet'),
    ...formatted('spec.serviceName', spec.serviceName, dns1123Label),
    ...each(spec.volumeClaimTemplates, 'spec.volumeClaimTemplates', (claim, p) =>
      validateClaimSpec(claim.spec, child(p, 'spec')),
    ),
  ];
}

/** The template as its pods will be: each claim is a volume, in place of one of the same name. */
function withClaims({ template, volumeClaimTemplates = [] }: StatefulSetSpec): PodTemplateSpec {
  const claims = (volumeClaimTemplates ?? []).map(({ metadata: { name } }) => name);
  if (claims.length === 0 || !template.spec) return template;
  const own = (template.spec.volumes ?? []).filter(({ name }) => !claims.includes(name));
  const volumes = claims.map((name) => ({ name, persistentVolumeClaim: { claimName: name } }));
  return { ...template, spec: { ...template.spec, volumes: [...own, ...volumes] } };
}

function managementPolicy({ podManagementPolicy: policy }: StatefulSetSpec): FieldError[] {
  if (!policy) return [required('spec.podManagementPolicy')];
  if (policy === 'OrderedReady' || policy === 'Parallel') return [];
  return [invalidValue('spec.podManagementPolicy', policy, "must be 'OrderedReady' or 'Parallel'")];
}

const rollingType = `${apps}RollingUpdateStatefulSetStrategy`;

function statefulSetStrategy({ updateStrategy }: StatefulSetSpec): FieldError[] {
  const { type, rollingUpdate } = updateStrategy ?? {};
  const path = 'spec.updateStrategy';
  if (!type) return [required(path)];
  if (type === 'OnDelete')
    return rollingUpdate
      ? [
          invalidValue(
            `${path}.rollingUpdate`,
            goForm(rollingType, rollingUpdate),
            "only allowed for updateStrategy 'RollingUpdate'",
          ),
        ]
      : [];
  if (type !== 'RollingUpdate')
    return [
      invalidValue(
        path,
        goForm(`${apps}StatefulSetUpdateStrategy`, updateStrategy),
        "must be 'RollingUpdate' or 'OnDelete'",
      ),
    ];
  const { partition, maxUnavailable } = rollingUpdate ?? {};
  const at = `${path}.rollingUpdate`;
  const errors = [
    ...nonNegative(`${at}.partition`, partition),
    ...countOrPercent(`${at}.maxUnavailable`, maxUnavailable),
  ];
  if (maxUnavailable !== undefined && isZero(maxUnavailable))
    errors.push(invalidValue(`${at}.maxUnavailable`, maxUnavailable, 'cannot be 0'));
  return [...errors, ...atMostAll(`${at}.maxUnavailable`, maxUnavailable)];
}

const changeable: readonly string[] = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
];

export function validateStatefulSetUpdate({ spec }: StatefulSet, { spec: old }: Readonly<StatefulSet>): FieldError[] {
  const fixed = (s: StatefulSetSpec) =>
    Object.fromEntries(Object.entries(s).filter(([name]) => !changeable.includes(name)));
  if (same(fixed(spec), fixed(old))) return [];
  const list =
    "'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds'";
  return [forbidden('spec', `updates to statefulset spec for fields other than ${list} are forbidden`)];
}

/** What a controller keeps of a former template. */
export function validateRevision({ revision, data }: ControllerRevision): FieldError[] {
  const errors: FieldError[] = [];
  if (data === undefined || data === null) errors.push(required('data', 'data is mandatory'));
  else if (typeof data !== 'object' || Array.isArray(data))
    errors.push(invalidValue('data', '<value omitted>', 'data must be a valid JSON object'));
  return [...errors, ...nonNegative('revision', revision)];
}

export const validateRevisionUpdate = (object: ControllerRevision, old: Readonly<ControllerRevision>): FieldError[] =>
  immutable('data', object.data, old.data);
