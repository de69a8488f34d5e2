import { parseJson } from '../../base/lossless-json.ts';
import type { Status } from '../../api/generated/types.ts';
import { inVersion } from '../../api/conversions.ts';
import { badRequest, StatusError } from '../../api/meta/status-error.ts';
import type { KubeObject } from '../../api/resource.ts';
import { WebhookError } from '../webhook/webhook-caller.ts';
import type { AdmissionContext } from './plugin.ts';
import type { Target } from './rule-matching.ts';

const optionsKinds: Record<string, string> = {
  create: 'CreateOptions',
  update: 'UpdateOptions',
  delete: 'DeleteOptions',
};

const asVersion = (object: Readonly<KubeObject> | undefined, own: Target, target: Target): KubeObject | null =>
  object ? inVersion(object, own, target) : null;

/** What a webhook or an expression is told of a request (admission.k8s.io/v1 AdmissionRequest). */
export function admissionRequest(context: AdmissionContext, target: Target, uid: string) {
  const { endpoint, subresource, user } = context;
  const { group, version, resource, kind } = endpoint.kind;
  const sub = subresource ? endpoint.subresources.get(subresource) : undefined;
  const subKind = sub && {
    group: sub.version ? (sub.group ?? '') : group,
    version: sub.version ?? version,
    kind: sub.kind,
  };
  const part = subresource ? { subResource: subresource } : {};
  return {
    uid,
    kind: subKind ?? { group: target.group, version: target.version, kind: target.kind },
    resource: { group: target.group, version: target.version, resource: target.resource },
    ...part,
    requestKind: subKind ?? { group, version, kind },
    requestResource: { group, version, resource },
    ...(subresource ? { requestSubResource: subresource } : {}),
    ...(context.name ? { name: context.name } : {}),
    ...(context.namespace ? { namespace: context.namespace } : {}),
    operation: context.verb.toUpperCase(),
    userInfo: {
      username: user.name,
      ...(user.uid ? { uid: user.uid } : {}),
      groups: user.groups,
      ...(user.extra ? { extra: user.extra } : {}),
    },
    // Options of a connection are of one version.
    object: context.verb === 'connect' ? (context.object ?? null) : asVersion(context.object, endpoint.kind, target),
    oldObject: asVersion(context.old, endpoint.kind, target),
    dryRun: context.dryRun,
    options: { kind: optionsKinds[context.verb] ?? 'ConnectOptions', apiVersion: 'meta.k8s.io/v1' },
  };
}

/** A webhook's answer. */
export interface AdmissionAnswer {
  allowed: boolean;
  status: Partial<Status> | undefined;
  /** A JSON patch. */
  patch: unknown;
  warnings: string[];
  /** Remarks for the audit log. */
  auditAnnotations: Record<string, string>;
}

/** Throws `WebhookError` for what is no answer to the request. */
export function readAnswer(body: unknown, uid: string): AdmissionAnswer {
  const review = body as { kind?: string; apiVersion?: string; response?: Record<string, unknown> } | null;
  const { kind, apiVersion, response } = review ?? {};
  if (kind !== 'AdmissionReview' || (apiVersion !== 'admission.k8s.io/v1' && apiVersion !== 'admission.k8s.io/v1beta1'))
    throw new WebhookError(
      `received invalid webhook response: expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got ${apiVersion ?? ''}, Kind=${kind ?? ''}`,
    );
  if (!response) throw new WebhookError('webhook response was absent');
  if (response.uid !== uid)
    throw new WebhookError(
      `received invalid webhook response: expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response.uid ?? '')}`,
    );
  const { patch, patchType } = response;
  if (patch && patchType !== 'JSONPatch')
    throw new WebhookError(
      `received invalid webhook response: webhook returned invalid response.patchType of ${JSON.stringify(patchType ?? '')}`,
    );
  return {
    allowed: response.allowed === true,
    status: response.status as Partial<Status> | undefined,
    patch: patch ? parsePatch(String(patch)) : undefined,
    warnings: Array.isArray(response.warnings) ? response.warnings.map(String) : [],
    auditAnnotations: (response.auditAnnotations ?? {}) as Record<string, string>,
  };
}

function parsePatch(text: string): unknown {
  try {
    return parseJson(Buffer.from(text, 'base64').toString('utf8'));
  } catch {
    throw new WebhookError('received invalid webhook response: the patch is not JSON');
  }
}

/** A refusal in the webhook's words. */
export function denied(name: string, status: Partial<Status> | undefined): StatusError {
  const by = `admission webhook ${JSON.stringify(name)} denied the request`;
  const why = status?.message || status?.reason;
  return new StatusError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    ...status,
    status: 'Failure',
    message: why ? `${by}: ${why}` : `${by} without explanation`,
    code: Math.max(400, status?.code ?? 400),
  } as Status);
}

export const noDryRun = (name: string): StatusError =>
  badRequest(`admission webhook ${JSON.stringify(name)} does not support dry run`);

export const callFailed = (name: string, error: WebhookError): StatusError =>
  StatusError.of(
    'InternalError',
    `Internal error occurred: failed calling webhook ${JSON.stringify(name)}: failed to call webhook: ${error.message}`,
    {
      causes: [{ message: `failed calling webhook ${JSON.stringify(name)}: failed to call webhook: ${error.message}` }],
    },
  );
