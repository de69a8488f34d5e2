import type { CustomResourceDefinition, CustomResourceDefinitionSpec } from '../generated/types.ts';
import type { DefaultsTable, Now } from './defaults.ts';

const admission = 'io.k8s.api.admissionregistration.v1.';
const crd = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.';
const flow = 'io.k8s.api.flowcontrol.v1.';
const resource = 'io.k8s.api.resource.v1.';

const empty = () => ({});
const webhook = {
  failurePolicy: 'Fail',
  matchPolicy: 'Equivalent',
  namespaceSelector: empty,
  objectSelector: empty,
  timeoutSeconds: 10,
};
const servicePort = { unset: { port: 443 } };
const deviceCount = {
  unset: {
    allocationMode: 'ExactCount',
    count: (request: { allocationMode?: string }) =>
      !request.allocationMode || request.allocationMode === 'ExactCount' ? 1 : undefined,
  },
};

function crdNames(spec: CustomResourceDefinitionSpec): void {
  const { names } = spec;
  names.singular ||= (names.kind ?? '').toLowerCase() || undefined;
  if (!names.listKind && names.kind) names.listKind = `${names.kind}List`;
}

function storedVersions(object: CustomResourceDefinition): void {
  const storage = object.spec.versions?.find((version) => version.storage);
  if (storage && !object.status?.storedVersions?.length)
    object.status = { ...object.status, storedVersions: [storage.name] } as typeof object.status;
}

/** What extends the API: webhooks, admission policies, custom resources, flow control, device claims. */
export const extensionDefaults: DefaultsTable = {
  [`${admission}ValidatingWebhook`]: { unset: webhook },
  [`${admission}MutatingWebhook`]: { unset: { ...webhook, reinvocationPolicy: 'Never' } },
  [`${admission}RuleWithOperations`]: { unset: { scope: '*' } },
  [`${admission}NamedRuleWithOperations`]: { unset: { scope: '*' } },
  [`${admission}ServiceReference`]: servicePort,
  [`${crd}ServiceReference`]: servicePort,
  'io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.ServiceReference': servicePort,
  [`${admission}ValidatingAdmissionPolicySpec`]: { unset: { failurePolicy: 'Fail' } },
  [`${admission}MutatingAdmissionPolicySpec`]: { unset: { failurePolicy: 'Fail' } },
  [`${admission}MatchResources`]: {
    unset: { matchPolicy: 'Equivalent', namespaceSelector: empty, objectSelector: empty },
  },
  [`${crd}CustomResourceDefinition`]: { apply: storedVersions, reorder: ['status'] },
  [`${crd}CustomResourceDefinitionSpec`]: {
    apply: crdNames,
    reorder: ['names'],
    unset: { conversion: () => ({ strategy: 'None' }) },
  },
  [`${flow}FlowSchemaSpec`]: { unset: { matchingPrecedence: 1000 } },
  [`${flow}LimitedPriorityLevelConfiguration`]: { unset: { nominalConcurrencyShares: 30, lendablePercent: 0 } },
  [`${flow}ExemptPriorityLevelConfiguration`]: { unset: { nominalConcurrencyShares: 0, lendablePercent: 0 } },
  [`${flow}QueuingConfiguration`]: { unset: { queues: 64, handSize: 8, queueLengthLimit: 50 } },
  'io.k8s.api.authentication.v1.TokenRequestSpec': { unset: { expirationSeconds: 3600 } },
  // A day.
  'io.k8s.api.certificates.v1beta1.PodCertificateRequestSpec': { unset: { maxExpirationSeconds: 86_400 } },
  [`${resource}ExactDeviceRequest`]: deviceCount,
  [`${resource}DeviceSubRequest`]: deviceCount,
  [`${resource}DeviceTaint`]: { unset: { timeAdded: (_taint: object, now?: Now) => now?.() } },
  [`${resource}DeviceToleration`]: { unset: { operator: 'Equal' } },
};
