import { largest } from '../../cel/estimate.ts';
import { assignable, bool, string, type Type } from '../../cel/types.ts';
import type { ValidationRule } from '../generated/types.ts';
import { forbidden, internal, invalidValue, notSupported, required } from '../meta/field-error.ts';
import type { FieldError } from '../meta/status-error.ts';
import { isEmbedded, itemsOf, memberSchema, type Structural, valuesOf } from '../structural/schema.ts';
import { declaredType } from './declared.ts';
import { compilationFailure, type CompiledRule, compileRule } from './rule.ts';
import { goForm } from '../schema/go-form.ts';

/** What one rule may cost, counting how often it can run, and all rules of a schema together (KEP-2876). */
const perRule = 10_000_000;
const perSchema = 100_000_000;

const reasons = ['FieldValueInvalid', 'FieldValueForbidden', 'FieldValueRequired', 'FieldValueDuplicate'];

/** Whether the rules of a definition's schema are well-formed, compile, and cost no more than they may. */
export function validateSchemaRules(schema: Structural, path: string): FieldError[] {
  const visit = new Visit();
  visit.schema(schema, { path, times: 1, isResource: true, uncorrelatable: undefined });
  if (visit.total > perSchema) {
    const text = `x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema ${exceeds(visit.total / perSchema)}`;
    visit.errors.push(forbidden(path, text));
  }
  return visit.errors;
}

/** Of rules that stand where expressions cannot look: no type is known of what they would see. */
const untyped =
  'internal error: failed to construct type information for x-kubernetes-validations rules: unable to convert structural schema to CEL declarations';

const exceeds = (factor: number): string => {
  const by = factor > 100 ? 'more than 100x' : `${factor.toFixed(1)}x`;
  return `exceeds budget by factor of ${by} (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`;
};

interface Place {
  path: string;
  /** How often the part can occur in one object. */
  times: number;
  isResource: boolean;
  /** The list or map below which it is not known which value became which on an update; undefined: it is known. */
  uncorrelatable: string | undefined;
}

class Visit {
  readonly errors: FieldError[] = [];
  total = 0;

  schema(schema: Structural, at: Place): void {
    const type = declaredType(schema, at.isResource);
    const rules = schema['x-kubernetes-validations'] ?? [];
    if (rules.length > 0 && !type) this.errors.push(internal(`${at.path}.x-kubernetes-validations`, untyped));
    rules.forEach((rule, i) => {
      this.#rule(rule, { schema, type }, { ...at, path: `${at.path}.x-kubernetes-validations[${i}]` });
    });
    const count = type ? largest(type) : 1;
    for (const [name, property] of Object.entries(schema.properties ?? {}))
      this.#below(property, { ...at, path: `${at.path}.properties[${name}]` });
    const items = itemsOf(schema);
    const listType = schema['x-kubernetes-list-type'];
    if (items)
      this.#below(items, {
        ...at,
        path: `${at.path}.items`,
        times: at.times * count,
        uncorrelatable: at.uncorrelatable ?? (listType === 'map' ? undefined : at.path),
      });
    const values = valuesOf(schema);
    if (values) this.#below(values, { ...at, path: `${at.path}.additionalProperties`, times: at.times * count });
  }

  #below(schema: Structural, at: Place): void {
    this.schema(schema, { ...at, isResource: isEmbedded(schema) });
  }

  #rule(rule: ValidationRule, { schema, type }: { schema: Structural; type: Type | undefined }, at: Place): void {
    const { path } = at;
    this.errors.push(...wording(rule, schema, path));
    if (!rule.rule.trim() || !type) return;
    const program = this.#compiled(
      () => compileRule({ ...rule, messageExpression: undefined }, type),
      rule,
      `${path}.rule`,
    );
    const dynamic = `${path}.messageExpression`;
    const message =
      rule.messageExpression?.trim() && program
        ? this.#compiled(() => compileRule(rule, type), rule, dynamic)?.message
        : undefined;
    if (program) this.#compiledRule(rule, program, at);
    if (!message) return;
    if (assignable(message.type, string, new Map()))
      this.#cost(message.estimate * at.times, dynamic, 'messageExpression');
    else this.errors.push(invalidValue(dynamic, shownRule(rule), 'messageExpression must evaluate to a string'));
  }

  #compiled(compile: () => CompiledRule, rule: ValidationRule, path: string): CompiledRule | undefined {
    try {
      return compile();
    } catch (error) {
      const failure = compilationFailure(error);
      const text = path.endsWith('.messageExpression') ? `messageExpression ${failure}` : failure;
      this.errors.push(invalidValue(path, shownRule(rule), text));
      return undefined;
    }
  }

  #compiledRule(rule: ValidationRule, { program, isTransition }: CompiledRule, at: Place): void {
    const path = `${at.path}.rule`;
    if (!assignable(program.type, bool, new Map()))
      this.errors.push(invalidValue(path, shownRule(rule), 'cel expression must evaluate to a bool'));
    if (isTransition && at.uncorrelatable !== undefined) {
      const text = `oldSelf cannot be used on the uncorrelatable portion of the schema within ${at.uncorrelatable}`;
      this.errors.push(invalidValue(path, rule.rule, text));
    }
    const { optionalOldSelf } = rule;
    if (optionalOldSelf !== undefined && !isTransition) {
      const text = 'may not be set if oldSelf is not used in rule';
      this.errors.push(invalidValue(`${at.path}.optionalOldSelf`, optionalOldSelf, text));
    }
    this.#cost(program.estimate * at.times, path, 'rule');
  }

  #cost(cost: number, path: string, what: string): void {
    this.total += cost;
    if (cost > perRule) this.errors.push(forbidden(path, `estimated ${what} cost ${exceeds(cost / perRule)}`));
  }
}

const shownRule = (rule: ValidationRule): unknown =>
  goForm('io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.ValidationRule', rule);

function wording(rule: ValidationRule, schema: Structural, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const { message, reason, fieldPath } = rule;
  if (!rule.rule.trim()) errors.push(required(`${path}.rule`, 'rule is not specified'));
  if (message !== undefined && !message.trim())
    errors.push(invalidValue(`${path}.message`, message, 'message must be non-empty if specified'));
  else if (message?.trim().includes('\n'))
    errors.push(invalidValue(`${path}.message`, message, 'message must not contain line breaks'));
  else if (rule.rule.trim().includes('\n') && !message)
    errors.push(required(`${path}.message`, 'message must be specified if rule contains line breaks'));
  if (rule.messageExpression !== undefined && !rule.messageExpression.trim())
    errors.push(required(`${path}.messageExpression`, 'messageExpression must be non-empty if specified'));
  if (reason !== undefined && !reasons.includes(reason)) errors.push(notSupported(`${path}.reason`, reason, reasons));
  if (fieldPath !== undefined && !leadsSomewhere(schema, fieldPath))
    errors.push(invalidValue(`${path}.fieldPath`, fieldPath, 'fieldPath must be a valid path'));
  return errors;
}

const fieldStep = /\.([A-Za-z_][\w-]*)|\['((?:[^'\\]|\\.)+)'\]/g;

/** Whether a path of members (`.a['b.c']`) is one of a schema. */
function leadsSomewhere(schema: Structural, path: string): boolean {
  if (path.replace(fieldStep, '') !== '' || path === '') return false;
  let part: Structural | undefined = schema;
  for (const [, plain, bracketed = ''] of path.matchAll(fieldStep))
    part = part && memberSchema(part, plain ?? bracketed.replace(/\\(.)/g, '$1'));
  return part !== undefined;
}
