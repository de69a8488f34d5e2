import { everythingPrivileged, policyOf } from './policy.ts';
import type { PodSecurityOptions } from './pod-security.ts';

interface PodSecurityConfiguration {
  apiVersion?: string;
  kind?: string;
  /** `enforce`, `enforce-version`, …: as the labels, without their prefix. */
  defaults?: Record<string, string>;
  exemptions?: Partial<PodSecurityOptions['exempt']>;
}

/** What a PodSecurityConfiguration (pod-security.admission.config.k8s.io/v1) says. Throws an Error for what it says wrong. */
export function podSecurityOptions({
  apiVersion,
  kind,
  defaults = {},
  exemptions = {},
}: PodSecurityConfiguration): PodSecurityOptions {
  if (apiVersion !== 'pod-security.admission.config.k8s.io/v1' || kind !== 'PodSecurityConfiguration')
    throw new Error('PodSecurity: it is no PodSecurityConfiguration of pod-security.admission.config.k8s.io/v1');
  const labels = Object.fromEntries(
    Object.entries(defaults).map(([key, value]) => [`pod-security.kubernetes.io/${key}`, value]),
  );
  const { policy, errors } = policyOf(labels, everythingPrivileged);
  const [wrong] = errors;
  if (wrong) {
    const field = wrong.label.slice(wrong.label.indexOf('/') + 1);
    throw new Error(`PodSecurity: defaults.${field}: Invalid value: ${JSON.stringify(wrong.value)}: ${wrong.message}`);
  }
  const { usernames = [], runtimeClasses = [], namespaces = [] } = exemptions;
  return { defaults: policy, exempt: { usernames, runtimeClasses, namespaces } };
}
