import type {
  MatchCondition,
  MatchResources,
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  MutatingWebhook,
  MutatingWebhookConfiguration,
  Mutation,
  NamedRuleWithOperations,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingWebhook,
  ValidatingWebhookConfiguration,
} from '../generated/types.ts';
import { CompileError } from '../../cel/errors.ts';
import { compileMutation, mutationTypeError } from '../cel/mutation-language.ts';
import { compilePolicy } from '../cel/policy-language.ts';
import { dns1123Subdomain, qualifiedName } from '../meta/name-format.ts';
import {
  at,
  child,
  duplicate,
  each,
  type FieldError,
  forbidden,
  invalidValue,
  notSupported,
  oneOf,
  required,
  tooMany,
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

function validateWebhook(webhook: Webhook, path: string): FieldError[] {
  const { name, failurePolicy, matchPolicy, sideEffects, timeoutSeconds, matchConditions } = webhook;
  return [
    ...domainName(name, child(path, 'name')),
    ...each(webhook.rules, child(path, 'rules'), validateRule),
    ...oneOf(child(path, 'failurePolicy'), failurePolicy, ['Fail', 'Ignore']),
    ...oneOf(child(path, 'matchPolicy'), matchPolicy, ['Equivalent', 'Exact']),
    ...(sideEffects
      ? oneOf(child(path, 'sideEffects'), sideEffects, ['None', 'NoneOnDryRun'])
      : [required(child(path, 'sideEffects'), 'must specify one of None, NoneOnDryRun')]),
    ...('reinvocationPolicy' in webhook
      ? oneOf(child(path, 'reinvocationPolicy'), webhook.reinvocationPolicy, ['IfNeeded', 'Never'])
      : []),
    ...(timeoutSeconds !== undefined && (timeoutSeconds < 1 || timeoutSeconds > 30)
      ? [
          invalidValue(
            child(path, 'timeoutSeconds'),
            timeoutSeconds,
            'the timeout value must be between 1 and 30 seconds',
          ),
        ]
      : []),
    ...validateLabelSelector(webhook.namespaceSelector, child(path, 'namespaceSelector')),
    ...validateLabelSelector(webhook.objectSelector, child(path, 'objectSelector')),
    ...validateWebhookClient(webhook.clientConfig, child(path, 'clientConfig')),
    ...reviewVersions(webhook.admissionReviewVersions ?? [], child(path, 'admissionReviewVersions')),
    ...conditions(matchConditions, child(path, 'matchConditions')),
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

function reviewVersions(versions: string[], path: string): FieldError[] {
  if (versions.length === 0) return [required(path, 'must specify one of v1, v1beta1')];
  if (versions.some((version) => version === 'v1' || version === 'v1beta1')) return [];
  return [invalidValue(path, versions, 'must include at least one of v1, v1beta1')];
}

const operations = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];

function validateRule(rule: NamedRuleWithOperations, path: string): FieldError[] {
  const alone = (name: 'operations' | 'apiGroups' | 'apiVersions'): FieldError[] => {
    const list = rule[name] ?? [];
    if (list.length === 0) return [required(child(path, name))];
    const text = `if '*' is present, must not specify other ${name === 'apiGroups' ? 'API groups' : name === 'apiVersions' ? 'API versions' : 'operations'}`;
    return list.length > 1 && list.includes('*') ? [invalidValue(child(path, name), list, text)] : [];
  };
  return [
    ...alone('operations'),
    ...each(rule.operations, child(path, 'operations'), (operation, p) => oneOf(p, operation, operations)),
    ...alone('apiGroups'),
    ...alone('apiVersions'),
    ...each(rule.apiVersions, child(path, 'apiVersions'), (version, p) => (version ? [] : [required(p)])),
    ...resources(rule.resources ?? [], child(path, 'resources')),
    ...oneOf(child(path, 'scope'), rule.scope, ['*', 'Cluster', 'Namespaced']),
  ];
}

/** A wildcard stands for everything that it covers. */
function resources(list: string[], path: string): FieldError[] {
  if (list.length === 0) return [required(path)];
  const errors = each(list, path, (resource, p) => (resource ? [] : [required(p)]));
  if (list.length > 1 && list.includes('*/*'))
    errors.push(invalidValue(path, list, "if '*/*' is present, must not specify other resources"));
  if (list.includes('*') && list.some((one) => one !== '*' && !one.includes('/')))
    errors.push(invalidValue(path, list, "if '*' is present, must not specify other resources without subresources"));
  return errors;
}

const maxConditions = 64;

function conditions(list: MatchCondition[] | undefined, path: string): FieldError[] {
  if ((list?.length ?? 0) > maxConditions) return [tooMany(path, list?.length ?? 0, maxConditions)];
  const seen = new Set<string>();
  return each(list, path, ({ name, expression }, p) => {
    const again = seen.has(name);
    seen.add(name);
    return [
      ...expressionErrors(expression, child(p, 'expression')),
      ...(name
        ? qualifiedName(name).map((text) => invalidValue(child(p, 'name'), name, text))
        : [required(child(p, 'name'))]),
      ...(again ? [duplicate(child(p, 'name'), name)] : []),
    ];
  });
}

function expressionErrors(
  expression: string | undefined,
  path: string,
  compile: typeof compilePolicy = compilePolicy,
): FieldError[] {
  if (!expression?.trim()) return [required(path)];
  const made = compile(expression);
  return made instanceof CompileError ? [invalidValue(path, expression, `compilation failed: ${made.message}`)] : [];
}

export function validateAdmissionPolicy({ spec }: ValidatingAdmissionPolicy): FieldError[] {
  const { validations = [], auditAnnotations = [] } = spec;
  const none = validations.length === 0 && auditAnnotations.length === 0;
  const either = 'validations or auditAnnotations must contain at least one item';
  return [
    ...policyErrors(spec, compilePolicy),
    ...(none ? [required('spec.validations', either), required('spec.auditAnnotations', either)] : []),
    ...each(validations, 'spec.validations', ({ expression, message, messageExpression, reason }, p) => [
      ...expressionErrors(expression, child(p, 'expression')),
      ...(message?.includes('\n')
        ? [invalidValue(child(p, 'message'), message, 'message must not contain line breaks')]
        : []),
      ...(expression?.includes('\n') && !message
        ? [required(child(p, 'message'), 'message must be specified if expression contains line breaks')]
        : []),
      ...(messageExpression === undefined ? [] : expressionErrors(messageExpression, child(p, 'messageExpression'))),
      ...oneOf(child(p, 'reason'), reason || undefined, [
        'Forbidden',
        'Invalid',
        'RequestEntityTooLarge',
        'Unauthorized',
      ]),
    ]),
    ...(auditAnnotations.length > 20 ? [tooMany('spec.auditAnnotations', auditAnnotations.length, 20)] : []),
    ...each(auditAnnotations, 'spec.auditAnnotations', ({ key, valueExpression }, p) => [
      ...(key ? [] : [required(child(p, 'key'))]),
      ...expressionErrors(valueExpression, child(p, 'valueExpression')),
    ]),
  ];
}

/** What policies of both sorts have. */
function policyErrors(
  spec: ValidatingAdmissionPolicy['spec'] | MutatingAdmissionPolicy['spec'],
  compile: typeof compilePolicy,
): FieldError[] {
  const { failurePolicy, matchConstraints, paramKind } = spec;
  return [
    ...(failurePolicy
      ? oneOf('spec.failurePolicy', failurePolicy, ['Fail', 'Ignore'])
      : [required('spec.failurePolicy')]),
    ...(paramKind ? parameterKind(paramKind, 'spec.paramKind') : []),
    ...(matchConstraints
      ? matchResources(matchConstraints, 'spec.matchConstraints', true)
      : [required('spec.matchConstraints')]),
    ...conditions(spec.matchConditions, 'spec.matchConditions'),
    ...each(spec.variables, 'spec.variables', ({ name, expression }, p) => [
      ...(/^[A-Za-z_]\w*$/.test(name ?? '')
        ? []
        : [
            name
              ? invalidValue(child(p, 'name'), name, 'name is not a valid CEL identifier')
              : required(child(p, 'name')),
          ]),
      ...expressionErrors(expression, child(p, 'expression'), compile),
    ]),
  ];
}

export function validateMutatingPolicy({ spec }: MutatingAdmissionPolicy): FieldError[] {
  const { mutations = [], reinvocationPolicy } = spec;
  return [
    ...policyErrors(spec, compileMutation),
    ...each(spec.matchConstraints?.resourceRules, 'spec.matchConstraints.resourceRules', ({ operations: asked }, p) =>
      each(asked, child(p, 'operations'), (operation, q) => oneOf(q, operation, mutable)),
    ),
    ...(mutations.length > 0 ? [] : [required('spec.mutations', 'mutations must contain at least one item')]),
    ...each(mutations, 'spec.mutations', mutationErrors),
    ...(reinvocationPolicy
      ? oneOf('spec.reinvocationPolicy', reinvocationPolicy, ['IfNeeded', 'Never'])
      : [required('spec.reinvocationPolicy')]),
  ];
}

/** What is deleted or connected to cannot be changed. */
const mutable = ['*', 'CREATE', 'UPDATE'];

const mutationMembers = { ApplyConfiguration: 'applyConfiguration', JSONPatch: 'jsonPatch' } as const;

function mutationErrors(mutation: Mutation, path: string): FieldError[] {
  const { patchType } = mutation;
  const types = Object.keys(mutationMembers).sort();
  if (!patchType) return [required(child(path, 'patchType'))];
  if (!types.includes(patchType)) return [notSupported(child(path, 'patchType'), patchType, types)];
  return Object.entries(mutationMembers).flatMap(([type, member]) => {
    const given = mutation[member];
    const at = child(path, member);
    if (type !== patchType) return given ? [forbidden(at, `${member} is forbidden when patchType is not ${type}`)] : [];
    if (!given) return [required(at, `${member} is required when patchType is ${type}`)];
    return mutationExpression(given.expression, child(at, 'expression'), patchType);
  });
}

function mutationExpression(expression: string | undefined, path: string, patchType: string): FieldError[] {
  const errors = expressionErrors(expression, path, compileMutation);
  if (errors.length > 0 || !expression) return errors;
  const made = compileMutation(expression);
  const wrong = made instanceof CompileError ? undefined : mutationTypeError(made, patchType);
  return wrong ? [invalidValue(path, expression, wrong)] : [];
}

export function validateMutatingBinding({ spec }: MutatingAdmissionPolicyBinding): FieldError[] {
  return bindingErrors(spec);
}

const parameterKind = ({ apiVersion, kind }: { apiVersion?: string; kind?: string }, path: string): FieldError[] => [
  ...(apiVersion ? [] : [required(child(path, 'apiVersion'))]),
  ...(kind ? [] : [required(child(path, 'kind'))]),
];

function matchResources(match: MatchResources, path: string, needsRules: boolean): FieldError[] {
  return [
    ...validateLabelSelector(match.namespaceSelector, child(path, 'namespaceSelector')),
    ...validateLabelSelector(match.objectSelector, child(path, 'objectSelector')),
    ...(needsRules && !match.resourceRules?.length ? [required(child(path, 'resourceRules'))] : []),
    ...each(match.resourceRules, child(path, 'resourceRules'), validateRule),
    ...each(match.excludeResourceRules, child(path, 'excludeResourceRules'), validateRule),
    ...oneOf(child(path, 'matchPolicy'), match.matchPolicy, ['Equivalent', 'Exact']),
  ];
}

/** What bindings of both sorts have. */
function bindingErrors(spec: MutatingAdmissionPolicyBinding['spec']): FieldError[] {
  const { policyName, paramRef, matchResources: match } = spec;
  const errors: FieldError[] = policyName
    ? dns1123Subdomain(policyName).map((text) => invalidValue('spec.policyName', policyName, text))
    : [required('spec.policyName')];
  if (paramRef) errors.push(...parameterRef(paramRef, 'spec.paramRef'));
  if (match) errors.push(...matchResources(match, 'spec.matchResources', false));
  return errors;
}

export function validatePolicyBinding({ spec }: ValidatingAdmissionPolicyBinding): FieldError[] {
  const { validationActions } = spec;
  const path = 'spec.validationActions';
  const errors = bindingErrors(spec);
  if (validationActions.length === 0) errors.push(required(path, 'at least one validation action is required'));
  validationActions.forEach((action, i) => {
    if (!['Audit', 'Deny', 'Warn'].includes(action))
      errors.push(notSupported(at(path, i), action, ['Audit', 'Deny', 'Warn']));
    else if (validationActions.indexOf(action) < i) errors.push(duplicate(at(path, i), action));
  });
  if (validationActions.includes('Deny') && validationActions.includes('Warn'))
    errors.push(
      invalidValue(
        path,
        validationActions,
        'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)',
      ),
    );
  return errors;
}

function parameterRef(
  { name, selector, parameterNotFoundAction }: NonNullable<ValidatingAdmissionPolicyBinding['spec']['paramRef']>,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  if (name && selector) {
    errors.push(forbidden(child(path, 'name'), 'name and selector are mutually exclusive'));
    errors.push(forbidden(child(path, 'selector'), 'name and selector are mutually exclusive'));
  }
  if (!name && !selector) errors.push(required(path, 'one of name or selector must be specified'));
  if (!parameterNotFoundAction) errors.push(required(child(path, 'parameterNotFoundAction')));
  else errors.push(...oneOf(child(path, 'parameterNotFoundAction'), parameterNotFoundAction, ['Allow', 'Deny']));
  return errors;
}
