import type {
  MutatingWebhook,
  MutatingWebhookConfiguration,
  ValidatingWebhook,
  ValidatingWebhookConfiguration,
} from '../generated/types.ts';
import { dns1035Label, dns1123Subdomain } from '../meta/name-format.ts';
import { matchConditions, validateRule } from './admission-match.ts';
import {
  child,
  duplicate,
  each,
  type FieldError,
  invalidValue,
  keyFormatted,
  oneOf,
  required,
  validateLabelSelector,
} from './check.ts';
import { validateWebhookClient } from './webhook-client.ts';

type Webhook = MutatingWebhook | ValidatingWebhook;

export const validateWebhookConfiguration = ({
  webhooks,
}: MutatingWebhookConfiguration | ValidatingWebhookConfiguration): FieldError[] => {
  const seen = new Set<string>();
  return each(webhooks as Webhook[] | undefined, 'webhooks', (webhook, path) => {
    const again = seen.has(webhook.name);
    seen.add(webhook.name);
    return [...validateWebhook(webhook, path), ...(again ? [duplicate(child(path, 'name'), webhook.name)] : [])];
  });
};

/** Only policies know of these. */
const hidden = ['params', 'variables'];
const sideEffects = ['None', 'NoneOnDryRun'];

function validateWebhook(webhook: Webhook, path: string): FieldError[] {
  const { name, failurePolicy, matchPolicy, timeoutSeconds } = webhook;
  const timeout = 'the timeout value must be between 1 and 30 seconds';
  return [
    ...domainName(name, child(path, 'name')),
    ...each(webhook.rules, child(path, 'rules'), validateRule),
    ...oneOf(child(path, 'failurePolicy'), failurePolicy, ['Fail', 'Ignore']),
    ...oneOf(child(path, 'matchPolicy'), matchPolicy, ['Equivalent', 'Exact']),
    ...(webhook.sideEffects
      ? oneOf(child(path, 'sideEffects'), webhook.sideEffects, sideEffects)
      : [required(child(path, 'sideEffects'), `must specify one of ${sideEffects.join(', ')}`)]),
    ...('reinvocationPolicy' in webhook
      ? oneOf(child(path, 'reinvocationPolicy'), webhook.reinvocationPolicy, ['IfNeeded', 'Never'])
      : []),
    ...(timeoutSeconds !== undefined && (timeoutSeconds < 1 || timeoutSeconds > 30)
      ? [invalidValue(child(path, 'timeoutSeconds'), timeoutSeconds, timeout)]
      : []),
    ...validateLabelSelector(webhook.namespaceSelector, child(path, 'namespaceSelector')),
    ...validateLabelSelector(webhook.objectSelector, child(path, 'objectSelector')),
    ...validateWebhookClient(webhook.clientConfig, child(path, 'clientConfig')),
    ...reviewVersions(webhook.admissionReviewVersions ?? [], child(path, 'admissionReviewVersions')),
    ...matchConditions(webhook.matchConditions, child(path, 'matchConditions'), hidden),
  ];
}

function domainName(name: string, path: string): FieldError[] {
  if (!name) return [required(path)];
  const wrong = dns1123Subdomain(name);
  if (wrong.length > 0) return [invalidValue(path, name, wrong.join(','))];
  return name.split('.').length < 3
    ? [invalidValue(path, name, 'should be a domain with at least three segments separated by dots')]
    : [];
}

const known = ['v1', 'v1beta1'];

function reviewVersions(versions: string[], path: string): FieldError[] {
  if (versions.length === 0) return [required(path, `must specify one of ${known.join(', ')}`)];
  const errors = each(versions, path, (version, p, i) =>
    versions.indexOf(version) < i
      ? [invalidValue(p, version, 'duplicate version')]
      : keyFormatted(p, version, dns1035Label),
  );
  if (versions.some((version) => known.includes(version))) return errors;
  return [...errors, invalidValue(path, versions, `must include at least one of ${known.join(', ')}`)];
}
