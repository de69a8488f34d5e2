import { namespaces, pods } from '../../../api/generated/resources.ts';
import type { Namespace, Pod, PodTemplateSpec } from '../../../api/generated/types.ts';
import { invalidValue } from '../../../api/meta/field-error.ts';
import { equalJson } from '../../../api/meta/json.ts';
import { invalid } from '../../../api/meta/status-error.ts';
import type { KubeObject } from '../../../api/resource.ts';
import { type AdmissionContext, type AdmissionPlugin, refused } from '../plugin.ts';
import { type CheckedPod, containersOf, plural } from './checked-pod.ts';
import { violationsOf, violationText } from './checks.ts';
import { everythingPrivileged, isStricter, levelText, type Policy, policyOf } from './policy.ts';

/** Whom the controls do not concern, and what holds in namespaces without labels. */
export interface PodSecurityOptions {
  defaults: Policy;
  exempt: { usernames: readonly string[]; runtimeClasses: readonly string[]; namespaces: readonly string[] };
}

const nothingExempt: PodSecurityOptions = {
  defaults: everythingPrivileged,
  exempt: { usernames: [], runtimeClasses: [], namespaces: [] },
};

interface Templated extends KubeObject {
  template?: PodTemplateSpec;
  spec?: { template?: PodTemplateSpec; jobTemplate?: { spec?: { template?: PodTemplateSpec } } };
}

/** The kinds that make pods: they are only told of, the pods themselves are refused. */
const templated = [
  'podtemplates',
  'replicationcontrollers',
  'replicasets.apps',
  'deployments.apps',
  'statefulsets.apps',
  'daemonsets.apps',
  'jobs.batch',
  'cronjobs.batch',
];

const podResources = ['pods', 'pods/ephemeralcontainers'];
const auditKey = (name: string): string => `pod-security.kubernetes.io/${name}`;

/** Pods must be as the level of their namespace wants them (KEP-2579). */
export const podSecurity = (options: PodSecurityOptions = nothingExempt): AdmissionPlugin => ({
  name: 'PodSecurity',
  verbs: ['create', 'update'],
  resources: [...podResources, ...templated, 'namespaces'],
  validate(context) {
    if (context.resource === 'namespaces') return checkNamespace(context, options);
    const isPod = context.resource === 'pods';
    const pod = isPod ? (context.object as Pod) : templateOf(context.object as Templated);
    if (!pod?.spec || (isPod && !isSignificant(context))) return undefined;
    return checkPod(context, options, { pod, isPod });
  },
});

const templateOf = ({ template, spec }: Templated): CheckedPod | undefined => {
  const found = template ?? spec?.template ?? spec?.jobTemplate?.spec?.template;
  return found?.spec ? { metadata: found.metadata ?? {}, spec: found.spec } : undefined;
};

/** Of an existing pod only its images, its containers and what annotations say of its security can change. */
function isSignificant({ object, old }: AdmissionContext): boolean {
  if (!old) return true;
  const seen = (pod: Pod) => [
    containersOf(pod).map(({ name, image }) => [name, image]),
    Object.entries(pod.metadata.annotations ?? {}).filter(([key]) => key.startsWith('container.apparmor.')),
  ];
  return !equalJson(seen(object as Pod), seen(old as Pod));
}

function checkPod(
  context: AdmissionContext,
  { defaults, exempt }: PodSecurityOptions,
  { pod, isPod }: { pod: CheckedPod; isPod: boolean },
): void {
  const runtimeClass = pod.spec.runtimeClassName;
  const reason = exempt.namespaces.includes(context.namespace)
    ? 'namespace'
    : exempt.usernames.includes(context.user.name)
      ? 'user'
      : runtimeClass !== undefined && exempt.runtimeClasses.includes(runtimeClass) && 'runtimeClass';
  if (reason) return context.annotate(auditKey('exempt'), reason);
  const labels = context.read.get(namespaces, '', context.namespace)?.metadata.labels ?? {};
  const { policy, errors } = policyOf(labels, defaults);
  for (const { label, value, message } of errors)
    context.annotate(
      auditKey('error'),
      `Failed to parse policy: ${label}: Invalid value: ${JSON.stringify(value)}: ${message}`,
    );
  if (isPod) context.annotate(auditKey('enforce-policy'), levelText(policy.enforce));
  const would = (mode: 'audit' | 'warn'): string | undefined => {
    const violations = violationsOf(policy[mode], pod);
    if (violations.length === 0) return undefined;
    return `would violate PodSecurity ${JSON.stringify(levelText(policy[mode]))}: ${violationText(violations)}`;
  };
  const audited = would('audit');
  if (audited !== undefined) context.annotate(auditKey('audit-violations'), audited);
  const forbidden = isPod ? violationsOf(policy.enforce, pod) : [];
  if (forbidden.length > 0)
    throw refused(
      context,
      `violates PodSecurity ${JSON.stringify(levelText(policy.enforce))}: ${violationText(forbidden)}`,
    );
  const warned = would('warn');
  if (warned !== undefined) context.warn(warned);
}

/** Labels must be readable; pods that a stricter level would not let in are told of. */
function checkNamespace(context: AdmissionContext, { defaults, exempt }: PodSecurityOptions): void {
  if (context.subresource) return;
  const [object, old] = [context.object as Namespace, context.old as Namespace | undefined];
  const now = policyOf(object.metadata.labels ?? {}, defaults);
  const before = policyOf(old?.metadata.labels ?? {}, defaults);
  // What was wrong already may stay so.
  if (now.errors.length > 0 && (!old || before.errors.length === 0 || !equalJson(now.errors, before.errors)))
    throw invalid(
      { group: '', kind: 'Namespace' },
      context.name,
      now.errors.map(({ label, value, message }) => invalidValue(`metadata.labels[${label}]`, value, message)),
    );
  const { enforce } = now.policy;
  if (!old || exempt.namespaces.includes(context.name) || !isStricter(enforce, before.policy.enforce)) return;
  for (const text of existingViolations(context, enforce)) context.warn(text);
}

/** Pods that break the level, those of one owner with the same reasons together. */
function existingViolations(context: AdmissionContext, enforce: Policy['enforce']): string[] {
  const groups = new Map<string, { first: string; others: number; reasons: string }>();
  for (const pod of context.read.list(pods, context.name)) {
    const violations = violationsOf(enforce, pod);
    if (violations.length === 0) continue;
    const reasons = violations.map(({ reason }) => reason).join(', ');
    const owner = pod.metadata.ownerReferences?.find(({ controller }) => controller)?.uid ?? pod.metadata.uid ?? '';
    const group = groups.get(`${owner} ${reasons}`);
    if (group) group.others++;
    else groups.set(`${owner} ${reasons}`, { first: pod.metadata.name, others: 0, reasons });
  }
  if (groups.size === 0) return [];
  const lines = [...groups.values()].map(({ first, others, reasons }) => {
    const more = others > 0 ? ` (and ${others} other ${plural('pod', 'pods', others)})` : '';
    return `${first}${more}: ${reasons}`;
  });
  const level = JSON.stringify(levelText(enforce));
  const head = `existing pods in namespace ${JSON.stringify(context.name)} violate the new PodSecurity enforce level ${level}`;
  return [head, ...lines];
}
