import { parse } from 'yaml';
import { everythingPrivileged, policyOf } from './policy.ts';
import type { PodSecurityOptions } from './pod-security.ts';

interface AdmissionConfiguration {
  apiVersion?: string;
  kind?: string;
  plugins?: { name?: string; configuration?: PodSecurityConfiguration }[];
}

interface PodSecurityConfiguration {
  apiVersion?: string;
  kind?: string;
  /** `enforce`, `enforce-version`, …: as the labels, without their prefix. */
  defaults?: Record<string, string>;
  exemptions?: Partial<PodSecurityOptions['exempt']>;
}

/**
 * What an AdmissionConfiguration (apiserver.config.k8s.io/v1) says of PodSecurity; undefined: nothing. Throws an Error for
 * what it says wrong, and for other plugins: there is nothing to say about them.
 */
export function parseAdmissionConfig(text: string): PodSecurityOptions | undefined {
  const config = parse(text) as AdmissionConfiguration | null;
  if (config?.apiVersion !== 'apiserver.config.k8s.io/v1' || config.kind !== 'AdmissionConfiguration')
    throw new Error('it is no AdmissionConfiguration of apiserver.config.k8s.io/v1');
  const foreign = config.plugins?.find(({ name }) => name !== 'PodSecurity');
  if (foreign)
    throw new Error(`plugins: Unsupported value: ${JSON.stringify(foreign.name)}: supported values: "PodSecurity"`);
  const own = config.plugins?.[0]?.configuration;
  return own && podSecurityOptions(own);
}

function podSecurityOptions({
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
