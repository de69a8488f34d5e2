import type {
  FlowSchema,
  FlowSchemaSpec,
  LimitedPriorityLevelConfiguration,
  LimitResponse,
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  PriorityLevelConfiguration,
  QueuingConfiguration,
  ResourcePolicyRule,
  Subject,
} from '../generated/types.ts';
import { dns1123Label, dns1123Subdomain } from '../meta/name-format.ts';
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
  required,
  same,
} from './check.ts';
import { mandatoryLevels, mandatorySchemas } from '../flowcontrol/mandatory.ts';
import { goForm } from '../schema/go-form.ts';
import { there } from './members.ts';

const maxPrecedence = 10_000;
const wildcard = '*';

export const validateFlowSchema = ({ metadata, spec, status }: FlowSchema): FieldError[] => [
  ...flowSpec(spec, metadata.name),
  ...fixedSchema(spec, metadata.name),
  ...conditionTypes(status?.conditions),
];

const types = 'io.k8s.api.flowcontrol.v1';
const fixed = (type: string, spec: object, text: string): FieldError =>
  invalidValue('spec', goForm(`${types}.${type}`, spec), text);

function fixedSchema(spec: FlowSchemaSpec, name: string): FieldError[] {
  const wanted = mandatorySchemas[name];
  return !wanted || same(spec, wanted)
    ? []
    : [fixed('FlowSchemaSpec', spec, `spec of '${name}' must equal the fixed value`)];
}

function fixedLevel(spec: PriorityLevelConfiguration['spec'], name: string): FieldError[] {
  const wanted = mandatoryLevels[name];
  const isExempt = name === 'exempt';
  if (!wanted || same(isExempt ? { ...spec, exempt: wanted.exempt } : spec, wanted)) return [];
  const but = isExempt ? " except the 'spec.exempt' field" : '';
  return [fixed('PriorityLevelConfigurationSpec', spec, `spec of '${name}'${but} must equal the fixed value`)];
}

export const validateFlowStatus = ({ status }: FlowSchema | PriorityLevelConfiguration): FieldError[] =>
  conditionTypes(status?.conditions);

const conditionTypes = (conditions: { type?: string }[] | undefined): FieldError[] => {
  const seen = new Set<string>();
  return each(conditions, 'status.conditions', ({ type = '' }, p) => {
    const again = seen.has(type) ? [duplicate(child(p, 'type'), type)] : [];
    seen.add(type);
    return type ? again : [...again, required(child(p, 'type'), 'must not be empty')];
  });
};

function flowSpec(spec: FlowSchemaSpec, name: string): FieldError[] {
  const { matchingPrecedence: precedence = 0, distinguisherMethod: method } = spec;
  const errors: FieldError[] = [];
  const wrong = (text: string) => errors.push(invalidValue('spec.matchingPrecedence', precedence, text));
  if (precedence <= 0) wrong('must be a positive value');
  if (precedence > maxPrecedence) wrong(`must not be greater than ${maxPrecedence}`);
  if (precedence === 1 && name !== 'exempt') wrong("only the schema named 'exempt' may have matchingPrecedence 1");
  if (method && !['ByNamespace', 'ByUser'].includes(method.type))
    errors.push(notSupported('spec.distinguisherMethod.type', { Type: method.type }, ['ByNamespace', 'ByUser']));
  const level = 'spec.priorityLevelConfiguration.name';
  const called = spec.priorityLevelConfiguration?.name;
  if (called) errors.push(...keyFormatted(level, called, dns1123Subdomain));
  else errors.push(required(level, 'must reference a priority level'));
  return [...errors, ...each(spec.rules, 'spec.rules', flowRule)];
}

function flowRule({ subjects, resourceRules, nonResourceRules }: PolicyRulesWithSubjects, path: string): FieldError[] {
  const at = child(path, 'subjects');
  const errors = subjects?.length
    ? each(subjects, at, flowSubject)
    : [required(at, 'subjects must contain at least one value')];
  if (!resourceRules?.length && !nonResourceRules?.length)
    errors.push(required(path, 'at least one of resourceRules and nonResourceRules has to be non-empty'));
  return [
    ...errors,
    ...each(resourceRules, child(path, 'resourceRules'), resourceRule),
    ...each(nonResourceRules, child(path, 'nonResourceRules'), nonResourceRule),
  ];
}

/** What kinds of subjects have; each has its own member and no other's. */
const subjectMembers = { ServiceAccount: 'serviceAccount', User: 'user', Group: 'group' } as const;

function flowSubject(subject: Subject, path: string): FieldError[] {
  const kinds = Object.keys(subjectMembers) as (keyof typeof subjectMembers)[];
  const kind = kinds.find((one) => one === subject.kind);
  if (!kind) return [notSupported(child(path, 'kind'), subject.kind, ['Group', 'ServiceAccount', 'User'])];
  const own = subjectMembers[kind];
  const given = subject[own];
  const errors = given
    ? subjectNames(given, child(path, own), kind)
    : [required(child(path, own), `${own} is required when subject kind is '${kind}'`)];
  for (const other of kinds) {
    const member = subjectMembers[other];
    if (other !== kind && subject[member])
      errors.push(forbidden(child(path, member), `${member} is forbidden when subject kind is not '${other}'`));
  }
  return errors;
}

function subjectNames(given: { name: string; namespace?: string }, path: string, kind: string): FieldError[] {
  const errors = there(child(path, 'name'), given.name);
  if (kind !== 'ServiceAccount') return errors;
  if (given.name && given.name !== wildcard)
    errors.push(...keyFormatted(child(path, 'name'), given.name, dns1123Subdomain));
  const space = child(path, 'namespace');
  return given.namespace
    ? [...errors, ...keyFormatted(space, given.namespace, dns1123Label)]
    : [...errors, required(space, 'must specify namespace for service account')];
}

/** A list of which the wildcard is all or nothing. */
function alone(path: string, list: readonly string[] | null | undefined, texts: { none?: string; others: string }) {
  if (!list?.length) return texts.none ? [required(path, texts.none)] : [];
  return list.length > 1 && list.includes(wildcard)
    ? [invalidValue(path, list, `if '*' is present, must not specify other ${texts.others}`)]
    : [];
}

const knownVerbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'proxy', 'update', 'watch'];

function verbs(path: string, list: readonly string[] | undefined): FieldError[] {
  const errors = alone(path, list, { none: 'verbs must contain at least one value', others: 'verbs' });
  const odd = list?.length && !list.includes(wildcard) && !list.every((verb) => knownVerbs.includes(verb));
  return odd ? [...errors, notSupported(path, list, knownVerbs)] : errors;
}

function resourceRule(rule: ResourcePolicyRule, path: string): FieldError[] {
  const spaces = child(path, 'namespaces');
  const errors = [
    ...verbs(child(path, 'verbs'), rule.verbs),
    ...alone(child(path, 'apiGroups'), rule.apiGroups, {
      none: 'resource rules must supply at least one api group',
      others: 'api groups',
    }),
    ...alone(child(path, 'resources'), rule.resources, {
      none: 'resource rules must supply at least one resource',
      others: 'resources',
    }),
    ...alone(spaces, rule.namespaces, {
      others: 'namespaces',
      ...(rule.clusterScope
        ? {}
        : { none: 'resource rules that are not cluster scoped must supply at least one namespace' }),
    }),
  ];
  if (rule.namespaces?.includes(wildcard)) return errors;
  const intro = "each member of this list must be '*' or a DNS-1123 label; ";
  return [
    ...errors,
    ...each(rule.namespaces, spaces, (space, p) =>
      dns1123Label(space).map((text) => invalidValue(p, space, intro + text)),
    ),
  ];
}

function nonResourceRule({ verbs: given, nonResourceURLs: urls }: NonResourcePolicyRule, path: string): FieldError[] {
  const p = child(path, 'nonResourceURLs');
  const errors = [
    ...verbs(child(path, 'verbs'), given),
    ...alone(p, urls, { none: 'nonResourceURLs must contain at least one value', others: 'non-resource URLs' }),
  ];
  if (urls?.includes(wildcard)) return errors;
  return [
    ...errors,
    ...(urls ?? []).flatMap((url, i) => {
      const wrong = urlProblem(url);
      return wrong ? [invalidValue(at(p, i), url, wrong)] : [];
    }),
  ];
}

function urlProblem(url: string): string | undefined {
  if (url === '') return 'must not be empty';
  if (url === '/') return undefined;
  if (!url.startsWith('/')) return 'must start with slash';
  if (url.includes(' ')) return 'must not contain white-space';
  if (url.includes('//')) return 'must not contain double slash';
  const stars = url.split(wildcard).length - 1;
  return stars > 1 || (stars === 1 && !url.endsWith('/*')) ? 'wildcard can only do suffix matching' : undefined;
}

/** How v1beta3 said that no shares are meant; nobody else may. */
const zeroShares = 'flowcontrol.k8s.io/v1beta3-preserve-zero-concurrency-shares';

export function validatePriorityLevel({ metadata, spec, status }: PriorityLevelConfiguration): FieldError[] {
  const { type, limited, exempt } = spec;
  const errors: FieldError[] = [];
  if (metadata.annotations?.[zeroShares] !== undefined)
    errors.push(forbidden('metadata.annotations', `annotation '${zeroShares}' is forbidden`));
  if ((metadata.name === 'exempt') !== (type === 'Exempt'))
    errors.push(invalidValue('spec.type', type, "type must be 'Exempt' if and only if name is 'exempt'"));
  if (type === 'Exempt') {
    if (limited) errors.push(forbidden('spec.limited', 'must be nil if the type is not Limited'));
    errors.push(...shares(exempt ?? {}, 'spec.exempt'));
  } else if (type === 'Limited') {
    if (exempt) errors.push(forbidden('spec.exempt', 'must be nil if the type is Limited'));
    if (limited) errors.push(...limitedLevel(limited, 'spec.limited'));
    else errors.push(required('spec.limited', 'must not be empty when type is Limited'));
  } else errors.push(notSupported('spec.type', type, ['Exempt', 'Limited']));
  return [...errors, ...fixedLevel(spec, metadata.name), ...conditionTypes(status?.conditions)];
}

interface Shares {
  nominalConcurrencyShares?: number | null;
  lendablePercent?: number;
}

/** What a level has of the whole, and how much of that it lends. */
function shares({ nominalConcurrencyShares: own, lendablePercent: lent }: Shares, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (typeof own === 'number' && own < 0)
    errors.push(invalidValue(child(path, 'nominalConcurrencyShares'), own, 'must be a non-negative integer'));
  if (lent !== undefined && (lent < 0 || lent > 100))
    errors.push(invalidValue(child(path, 'lendablePercent'), lent, 'must be between 0 and 100, inclusive'));
  return errors;
}

function limitedLevel(limited: LimitedPriorityLevelConfiguration, path: string): FieldError[] {
  const errors = shares(limited, path);
  const { borrowingLimitPercent: borrowed } = limited;
  if (borrowed !== undefined && borrowed < 0)
    errors.push(
      invalidValue(child(path, 'borrowingLimitPercent'), borrowed, 'if specified, must be a non-negative integer'),
    );
  return [...errors, ...limitResponse(limited.limitResponse, child(path, 'limitResponse'))];
}

function limitResponse(response: LimitResponse | undefined, path: string): FieldError[] {
  const queuing = child(path, 'queuing');
  switch (response?.type) {
    case 'Reject':
      return response.queuing ? [forbidden(queuing, 'must be nil if limited.limitResponse.type is not Limited')] : [];
    case 'Queue':
      return response.queuing
        ? queues(response.queuing, queuing)
        : [required(queuing, 'must not be empty if limited.limitResponse.type is Limited')];
    default:
      return [notSupported(child(path, 'type'), response?.type ?? '', ['Queue', 'Reject'])];
  }
}

const maxQueues = 10_000_000;
const maxHashBits = 60;

function queues({ queues: count = 0, handSize = 0, queueLengthLimit = 0 }: QueuingConfiguration, path: string) {
  const errors: FieldError[] = [];
  const wrong = (member: string, value: number, text: string) =>
    errors.push(invalidValue(child(path, member), value, text));
  if (queueLengthLimit <= 0) wrong('queueLengthLimit', queueLengthLimit, 'must be positive');
  if (count <= 0) wrong('queues', count, 'must be positive');
  else if (count > maxQueues) wrong('queues', count, `must not be greater than ${maxQueues}`);
  if (handSize <= 0) wrong('handSize', handSize, 'must be positive');
  else if (handSize > count) wrong('handSize', handSize, `should not be greater than queues (${count})`);
  else if (entropyBits(count, handSize) > maxHashBits)
    wrong(
      'handSize',
      handSize,
      `required entropy bits of deckSize ${count} and handSize ${handSize} should not be greater than ${maxHashBits}`,
    );
  return errors;
}

/** How many bits of a hash deal a hand of queues out of all. */
function entropyBits(count: number, handSize: number): number {
  let ways = 1;
  for (let i = 0; i < handSize; i++) ways *= count - i;
  return Math.ceil(Math.log2(ways));
}
