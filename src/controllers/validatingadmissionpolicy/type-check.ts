import { declaredType } from '../../api/cel/declared.ts';
import { checkPolicy } from '../../api/cel/policy-language.ts';
import { builtInCelType } from '../../api/cel/table-types.ts';
import { servedKinds } from '../../api/generated/kinds.ts';
import type {
  CustomResourceDefinition,
  ExpressionWarning,
  NamedRuleWithOperations,
  ValidatingAdmissionPolicy,
} from '../../api/generated/types.ts';
import type { Structural } from '../../api/structural/schema.ts';
import { CompileError } from '../../cel/errors.ts';
import { dyn, type Type } from '../../cel/types.ts';

/** How many kinds a policy is checked against. */
const maxKinds = 10;

/** A kind that a policy is about, and what its objects are like. */
interface KnownKind {
  group: string;
  version: string;
  kind: string;
  type: Type;
}

const isWild = (names: readonly string[] | undefined): boolean =>
  !names?.length || names.some((one) => one.includes('*'));

/** Where expressions of a policy ask for what objects of the matched kinds do not have; rules with wildcards are not looked at. */
export function typeWarnings(
  { spec }: ValidatingAdmissionPolicy,
  definitions: readonly CustomResourceDefinition[],
): ExpressionWarning[] {
  const kinds = (spec.matchConstraints?.resourceRules ?? []).flatMap((rule) => kindsOf(rule, definitions));
  const distinct = [...new Map(kinds.map((kind) => [shownKind(kind), kind])).values()];
  const checked = distinct.sort((a, b) => (shownKind(a) < shownKind(b) ? -1 : 1)).slice(0, maxKinds);
  const params = paramsType(spec.paramKind, definitions);
  return (spec.validations ?? []).flatMap(({ expression, messageExpression }, i) =>
    Object.entries({ expression, messageExpression }).flatMap(([member, text]): ExpressionWarning[] => {
      if (!text) return [];
      const wrong = checked.flatMap((kind) => issueOf(text, { kind, params, variables: spec.variables ?? [] }));
      return wrong.length > 0 ? [{ fieldRef: `spec.validations[${i}].${member}`, warning: wrong.join('\n') }] : [];
    }),
  );
}

const shownKind = ({ group, version, kind }: Omit<KnownKind, 'type'>): string =>
  `${group ? `${group}/` : ''}${version}, Kind=${kind}`;

function issueOf(
  text: string,
  {
    kind,
    params,
    variables,
  }: { kind: KnownKind; params: Type; variables: readonly { name: string; expression: string }[] },
): string[] {
  const known: Record<string, Type> = {};
  const types = {
    object: kind.type,
    oldObject: kind.type,
    params,
    variables: {
      kind: 'object',
      name: 'kubernetes.variables',
      field: (name: string) => known[name] && { type: known[name], member: name },
    } as Type,
  };
  for (const { name, expression } of variables) {
    const made = checkPolicy(expression, types);
    known[name] = made instanceof CompileError ? dyn : made.type;
  }
  const made = checkPolicy(text, types);
  return made instanceof CompileError ? [`${shownKind(kind)}: ${made.message}\n`] : [];
}

function kindsOf(rule: NamedRuleWithOperations, definitions: readonly CustomResourceDefinition[]): KnownKind[] {
  const { apiGroups = [], apiVersions = [], resources = [] } = rule;
  if (isWild(apiGroups) || isWild(apiVersions) || isWild(resources)) return [];
  return apiGroups.flatMap((group) =>
    apiVersions.flatMap((version) =>
      resources.flatMap(
        (resource) =>
          findKind(definitions, (one) => one.group === group && one.version === version && one.resource === resource) ??
          [],
      ),
    ),
  );
}

interface Named {
  group: string;
  version: string;
  resource: string;
  kind: string;
}

function findKind(
  definitions: readonly CustomResourceDefinition[],
  matches: (kind: Named) => boolean,
): KnownKind | undefined {
  const builtIn = servedKinds.find(matches);
  if (builtIn) return { ...builtIn, type: builtInCelType(builtIn.type) };
  for (const { spec } of definitions)
    for (const { name: version, schema } of spec.versions) {
      const { group, names } = spec;
      if (!matches({ group, version, resource: names.plural, kind: names.kind })) continue;
      const type = schema?.openAPIV3Schema && declaredType(schema.openAPIV3Schema as Structural, true);
      return { group, version, kind: names.kind, type: type ?? dyn };
    }
  return undefined;
}

function paramsType(
  paramKind: { apiVersion?: string; kind?: string } | undefined,
  definitions: readonly CustomResourceDefinition[],
): Type {
  if (!paramKind) return dyn;
  const found = findKind(
    definitions,
    ({ group, version, kind }) =>
      kind === paramKind.kind && (group ? `${group}/${version}` : version) === paramKind.apiVersion,
  );
  return found?.type ?? dyn;
}
