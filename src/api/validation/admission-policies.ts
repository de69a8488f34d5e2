import type {
  AuditAnnotation,
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  Mutation,
  ParamRef,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  Validation,
} from '../generated/types.ts';
import { CompileError } from '../../cel/errors.ts';
import { compileMutation, mutationTypeError } from '../cel/mutation-language.ts';
import { compilePolicy } from '../cel/policy-language.ts';
import { compileJsonPath, JsonPathError } from '../meta/json-path.ts';
import { dns1035Label, dns1123Subdomain, pathSegment, qualifiedName } from '../meta/name-format.ts';
import { type Compile, expressionErrors, matchConditions, matchResources } from './admission-match.ts';
import {
  at,
  child,
  duplicate,
  each,
  type FieldError,
  forbidden,
  invalidValue,
  keyFormatted,
  notSupported,
  oneOf,
  required,
  validateLabelSelector,
} from './check.ts';
import { validateConditions } from './conditions.ts';

type PolicySpec = ValidatingAdmissionPolicy['spec'] | MutatingAdmissionPolicy['spec'];

/** Variables that expressions of a policy cannot use, for it has none of them. */
const hiddenIn = ({ paramKind, variables }: PolicySpec): string[] => [
  ...(paramKind ? [] : ['params']),
  ...(variables?.length ? [] : ['variables']),
];

/** What policies of both sorts have. */
function policyErrors(spec: PolicySpec, compile: Compile): FieldError[] {
  const { failurePolicy, matchConstraints, paramKind } = spec;
  return [
    ...oneOf('spec.failurePolicy', failurePolicy, ['Fail', 'Ignore']),
    ...(paramKind ? parameterKind(paramKind, 'spec.paramKind') : []),
    ...(matchConstraints
      ? matchResources(matchConstraints, 'spec.matchConstraints')
      : [required('spec.matchConstraints')]),
    ...(matchConstraints && !matchConstraints.resourceRules?.length
      ? [required('spec.matchConstraints.resourceRules')]
      : []),
    ...matchConditions(spec.matchConditions, 'spec.matchConditions', [...hiddenIn(spec), 'variables']),
    ...each(spec.variables, 'spec.variables', ({ name, expression }, p) => [
      ...variableName(name, child(p, 'name')),
      ...(expression.trim()
        ? expressionErrors(expression, child(p, 'expression'), { compile, hidden: hiddenIn(spec) })
        : [required(child(p, 'expression'), 'expression is not specified')]),
    ]),
  ];
}

const reserved = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);

function variableName(name: string, path: string): FieldError[] {
  if (!name.trim()) return [required(path, 'name is not specified')];
  const isIdentifier = /^[_a-zA-Z][_a-zA-Z0-9]*$/.test(name) && !reserved.has(name);
  return isIdentifier ? [] : [invalidValue(path, name, 'name is not a valid CEL identifier')];
}

export function validateAdmissionPolicy({ metadata, spec }: ValidatingAdmissionPolicy): FieldError[] {
  const { validations = [], auditAnnotations = [] } = spec;
  const errors = policyErrors(spec, compilePolicy);
  const either = 'validations or auditAnnotations must contain at least one item';
  if (validations.length === 0 && auditAnnotations.length === 0)
    return [...errors, required('spec.validations', either), required('spec.auditAnnotations', either)];
  const most = 20;
  const path = 'spec.auditAnnotations';
  const hidden = hiddenIn(spec);
  errors.push(...each(validations, 'spec.validations', (one, p) => validationErrors(one, p, hidden)));
  if (auditAnnotations.length > most) {
    const shown = auditAnnotations.map(({ key, valueExpression }) => ({ Key: key, ValueExpression: valueExpression }));
    errors.push(invalidValue(path, shown, `must not have more than ${most} auditAnnotations`));
  }
  const keys = auditAnnotations.map(({ key }) => key);
  return [
    ...errors,
    ...each(auditAnnotations, path, (one, p, i) => [
      ...annotationErrors(one, p, { policy: metadata.name, hidden }),
      ...(keys.indexOf(one.key) < i ? [duplicate(child(p, 'key'), one.key)] : []),
    ]),
  ];
}

const reasons = ['Forbidden', 'Invalid', 'RequestEntityTooLarge', 'Unauthorized'];
const hasBreaks = (text: string): boolean => /[\n\r]/.test(text);

function validationErrors(validation: Validation, path: string, hidden: readonly string[]): FieldError[] {
  const { expression, message = '', messageExpression = '', reason } = validation;
  const [told, tellAt] = [message.trim(), child(path, 'message')];
  const errors = expression.trim()
    ? expressionErrors(expression, child(path, 'expression'), { hidden, types: ['bool'] })
    : [required(child(path, 'expression'), 'expression is not specified')];
  const dynamic = child(path, 'messageExpression');
  if (messageExpression.trim())
    errors.push(
      ...expressionErrors(messageExpression, dynamic, { hidden: [...hidden, 'authorizer'], types: ['string'] }),
    );
  else if (messageExpression) errors.push(invalidValue(dynamic, messageExpression, 'must be non-empty if specified'));
  if (message && !told) errors.push(invalidValue(tellAt, message, 'message must be non-empty if specified'));
  else if (hasBreaks(told)) errors.push(invalidValue(tellAt, message, 'message must not contain line breaks'));
  if (reason !== undefined && !reasons.includes(reason))
    errors.push(notSupported(child(path, 'reason'), reason, reasons));
  return errors;
}

const longestValue = 5 * 1024;

/** An annotation's whole key is `<policy>/<key>`. */
function annotationErrors(
  { key, valueExpression }: AuditAnnotation,
  path: string,
  { policy, hidden }: { policy: string; hidden: readonly string[] },
): FieldError[] {
  const errors = policy
    ? keyFormatted(child(path, 'key'), `${policy}/${key}`, qualifiedName)
    : [invalidValue(child(path, 'key'), key, 'requires metadata.name be non-empty')];
  const valueAt = child(path, 'valueExpression');
  const text = valueExpression.trim();
  if (!text) return [...errors, required(valueAt, 'valueExpression is not specified')];
  if (Buffer.byteLength(text) > longestValue)
    return [...errors, required(valueAt, `must not exceed ${longestValue} bytes in length`)];
  return [...errors, ...expressionErrors(text, valueAt, { hidden, types: ['string', 'null'] })];
}

/** What the type check has found: each warning says what and where. */
export function validateAdmissionPolicyStatus({ status }: ValidatingAdmissionPolicy): FieldError[] {
  const warnings = status?.typeChecking?.expressionWarnings;
  return [
    ...each(warnings, 'status.typeChecking.expressionWarnings', ({ warning, fieldRef }, p) => [
      ...(warning ? [] : [required(child(p, 'warning'))]),
      ...fieldPath((fieldRef ?? '').trim(), child(p, 'fieldRef')),
    ]),
    ...validateConditions(status?.conditions, 'status.conditions'),
  ];
}

function fieldPath(text: string, path: string): FieldError[] {
  if (!text) return [required(path)];
  try {
    // A path of this kind begins with a name, not with a dot.
    compileJsonPath(/^\w/.test(text) ? `.${text}` : text);
    return [];
  } catch (error) {
    if (!(error instanceof JsonPathError)) throw error;
    return [invalidValue(path, text, `invalid JSONPath: ${error.message}`)];
  }
}

export function validateMutatingPolicy({ spec }: MutatingAdmissionPolicy): FieldError[] {
  const { mutations = [], reinvocationPolicy } = spec;
  const hidden = hiddenIn(spec);
  return [
    ...policyErrors(spec, compileMutation),
    ...onlyWrites(spec.matchConstraints, 'spec.matchConstraints'),
    ...(mutations.length > 0 ? [] : [required('spec.mutations', 'mutations must contain at least one item')]),
    ...each(mutations, 'spec.mutations', (mutation, p) => mutationErrors(mutation, p, hidden)),
    ...(reinvocationPolicy
      ? oneOf('spec.reinvocationPolicy', reinvocationPolicy, ['IfNeeded', 'Never'])
      : [required('spec.reinvocationPolicy')]),
  ];
}

const mutable = ['CREATE', 'UPDATE'];

/** What is deleted or connected to cannot be changed. */
const onlyWrites = (match: PolicySpec['matchConstraints'], path: string): FieldError[] =>
  (match?.resourceRules ?? []).flatMap(({ operations }) =>
    (operations ?? [])
      .filter((operation) => !mutable.includes(operation))
      .map((operation) => notSupported(child(path, 'resourceRules.operations'), operation, mutable)),
  );

const mutationMembers = { ApplyConfiguration: 'applyConfiguration', JSONPatch: 'jsonPatch' } as const;

function mutationErrors(mutation: Mutation, path: string, hidden: readonly string[]): FieldError[] {
  const { patchType } = mutation;
  const types = Object.keys(mutationMembers);
  if (!patchType) return [required(child(path, 'patchType'))];
  if (!types.includes(patchType)) return [notSupported(child(path, 'patchType'), patchType, types)];
  return Object.entries(mutationMembers).flatMap(([type, member]) => {
    const given = mutation[member];
    const memberAt = child(path, member);
    if (type !== patchType) {
      const text = `${member} is forbidden when patchType is not ${type}`;
      return given ? [invalidValue(memberAt, `{${member}}`, text)] : [];
    }
    if (!given) return [required(memberAt, `${member} is required when patchType is ${type}`)];
    return mutationExpression(given.expression ?? '', child(memberAt, 'expression'), { patchType, hidden });
  });
}

function mutationExpression(
  expression: string,
  path: string,
  { patchType, hidden }: { patchType: string; hidden: readonly string[] },
): FieldError[] {
  if (!expression.trim()) return [required(path)];
  const errors = expressionErrors(expression, path, { compile: compileMutation, hidden });
  if (errors.length > 0) return errors;
  const made = compileMutation(expression, hidden);
  const wrong = made instanceof CompileError ? undefined : mutationTypeError(made, patchType);
  return wrong ? [invalidValue(path, expression, wrong)] : [];
}

function parameterKind({ apiVersion = '', kind = '' }: { apiVersion?: string; kind?: string }, path: string) {
  const errors = apiVersion
    ? groupVersion(apiVersion, child(path, 'apiVersion'))
    : [required(child(path, 'apiVersion'))];
  const wrong = dns1035Label(kind.toLowerCase());
  if (!kind) errors.push(required(child(path, 'kind')));
  else if (wrong.length > 0) {
    const text = `may have mixed case, but should otherwise match: ${wrong.join(',')}`;
    errors.push(invalidValue(child(path, 'kind'), kind, text));
  }
  return errors;
}

function groupVersion(text: string, path: string): FieldError[] {
  const parts = text.split('/');
  if (parts.length > 2) return [invalidValue(path, text, `unexpected GroupVersion string: ${text}`)];
  const [version = '', group = ''] = text === '/' ? [] : parts.reverse();
  const joined = (value: string, wrong: string[]) =>
    wrong.length > 0 ? [invalidValue(path, value, wrong.join(','))] : [];
  return [
    ...(group ? joined(group, dns1123Subdomain(group)) : []),
    ...(version ? joined(version, dns1035Label(version)) : [invalidValue(path, text, 'version must be specified')]),
  ];
}

/** What bindings of both sorts have. Kubernetes writes the member without its `r`. */
function bindingErrors({ policyName, paramRef, matchResources: match }: MutatingAdmissionPolicyBinding['spec']) {
  const errors: FieldError[] = policyName
    ? keyFormatted('spec.policyName', policyName, dns1123Subdomain)
    : [required('spec.policyName')];
  if (paramRef) errors.push(...parameterRef(paramRef, 'spec.paramRef'));
  if (match) errors.push(...matchResources(match, 'spec.matchResouces'));
  return errors;
}

export const validateMutatingBinding = ({ spec }: MutatingAdmissionPolicyBinding): FieldError[] => [
  ...bindingErrors(spec),
  ...onlyWrites(spec.matchResources, 'spec.matchResources'),
];

const actions = ['Audit', 'Deny', 'Warn'];

export function validatePolicyBinding({ spec }: ValidatingAdmissionPolicyBinding): FieldError[] {
  const chosen = spec.validationActions;
  const path = 'spec.validationActions';
  const errors = bindingErrors(spec);
  chosen.forEach((action, i) => {
    if (!actions.includes(action)) errors.push(notSupported(at(path, i), action, actions));
    if (chosen.indexOf(action) < i) errors.push(duplicate(at(path, i), action));
  });
  const both =
    'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)';
  if (chosen.includes('Deny') && chosen.includes('Warn')) errors.push(invalidValue(path, chosen, both));
  if (chosen.length === 0) errors.push(required(path, 'at least one validation action is required'));
  return errors;
}

function parameterRef({ name, selector, parameterNotFoundAction: action }: ParamRef, path: string): FieldError[] {
  const exclusive = 'name and selector are mutually exclusive';
  const errors = name ? keyFormatted(child(path, 'name'), name, pathSegment) : [];
  if (name && selector) errors.push(forbidden(child(path, 'name'), exclusive));
  errors.push(...validateLabelSelector(selector, child(path, 'selector')));
  if (name && selector) errors.push(forbidden(child(path, 'selector'), exclusive));
  if (!name && !selector) errors.push(required(path, 'one of name or selector must be specified'));
  if (!action) errors.push(required(child(path, 'parameterNotFoundAction')));
  else errors.push(...oneOf(child(path, 'parameterNotFoundAction'), action, ['Deny', 'Allow']));
  return errors;
}
