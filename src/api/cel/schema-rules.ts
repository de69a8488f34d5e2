import { toJson } from '../../base/lossless-json.ts';
import { CompileError, CostError, EvaluationError } from '../../cel/errors.ts';
import type { Type } from '../../cel/types.ts';
import { adapt, Optional, type Value } from '../../cel/values.ts';
import { child } from '../meta/field-error.ts';
import { equalJson, isJsonObject } from '../meta/json.ts';
import type { FieldError } from '../meta/status-error.ts';
import type { KubeObject } from '../resource.ts';
import { type Before, elementsBefore, memberBefore } from '../structural/correlation.ts';
import type { SchemaRules } from '../structural/custom-strategy.ts';
import { isEmbedded, itemsOf, memberSchema, type Structural, valuesOf } from '../structural/schema.ts';
import { noPath } from '../structural/verdict.ts';
import { declaredType } from './declared.ts';
import { type CompiledRule, compileRule } from './rule.ts';

/** What one rule may cost, and all rules for one object. */
const perCall = 1_000_000;
const perObject = 10_000_000;

/** A part of a schema with the rules at and below it. */
interface RuleNode {
  schema: Structural;
  type: Type | undefined;
  rules: CompiledRule[];
  member(name: string): RuleNode | undefined;
  items: RuleNode | undefined;
}

/** The rules of a schema, compiled; undefined where it has none. */
export function schemaRules(schema: Structural): SchemaRules | undefined {
  const root = nodeOf(schema, true);
  if (!root) return undefined;
  return {
    check(object, old) {
      const run = new Run();
      run.visit(root, object as unknown, { path: '', before: old && { value: old as KubeObject } });
      return run.errors;
    },
  };
}

/** Undefined: there are no rules here or below. */
function nodeOf(schema: Structural, isResource: boolean): RuleNode | undefined {
  const items = itemsOf(schema);
  const values = valuesOf(schema);
  const itemNode = items && nodeOf(items, isEmbedded(items));
  const valueNode = values && nodeOf(values, isEmbedded(values));
  const members = new Map(
    Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
      const node = nodeOf(property, isEmbedded(property));
      return node ? [[name, node] as const] : [];
    }),
  );
  const rules = compiledRules(schema, isResource);
  if (rules.length === 0 && members.size === 0 && !itemNode && !valueNode) return undefined;
  const known = schema.properties ?? {};
  const member = (name: string) => members.get(name) ?? (Object.hasOwn(known, name) ? undefined : valueNode);
  return { schema, type: declaredType(schema, isResource), rules, member, items: itemNode };
}

/** A stored rule that no longer compiles refuses nothing: its definition was accepted when it did. */
function compiledRules(schema: Structural, isResource: boolean): CompiledRule[] {
  const type = declaredType(schema, isResource);
  if (!type) return [];
  return (schema['x-kubernetes-validations'] ?? []).flatMap((rule) => {
    try {
      return [compileRule(rule, type)];
    } catch (error) {
      if (error instanceof CompileError) return [];
      throw error;
    }
  });
}

const outOfBudget = 'validation failed due to running out of cost budget, no further validation rules will be run';

/** One validation of one object: it ends when the budget is used up. */
class Run {
  readonly errors: FieldError[] = [];
  #left = perObject;
  #isOver = false;

  visit(node: RuleNode, value: unknown, at: { path: string; before: Before | undefined }): void {
    if (this.#isOver || value === undefined || (value === null && node.schema.nullable)) return;
    const { path, before } = at;
    for (const rule of node.rules) this.#rule(node, rule, { value, ...at });
    if (Array.isArray(value)) {
      const { items } = node;
      if (!items) return;
      const beforeOf = elementsBefore(node.schema, before);
      value.forEach((item, i) => this.visit(items, item, { path: `${path}[${i}]`, before: beforeOf(item) }));
    } else if (isJsonObject(value)) {
      for (const name of Object.keys(value)) {
        const below = node.member(name);
        const where = { path: this.#memberPath(node, path, name), before: memberBefore(before, name) };
        if (below) this.visit(below, value[name], where);
      }
    }
  }

  /** Keys of maps stand in brackets. */
  #memberPath({ schema }: RuleNode, path: string, name: string): string {
    const isField = schema.properties !== undefined && Object.hasOwn(schema.properties, name);
    return isField || memberSchema(schema, name) === undefined ? child(path, name) : `${path}[${name}]`;
  }

  #rule(
    node: RuleNode,
    compiled: CompiledRule,
    at: { value: unknown; path: string; before: Before | undefined },
  ): void {
    const { rule, program, isTransition } = compiled;
    const { value, path, before } = at;
    if (this.#isOver || !node.type) return;
    if (isTransition && !before && !rule.optionalOldSelf) return;
    if (!isTransition && before && equalJson(before.value, value)) return;
    const self = adapt(value, node.type);
    const old = before ? adapt(before.value, node.type) : undefined;
    const variables = { self, oldSelf: rule.optionalOldSelf ? new Optional(old) : old };
    const shown = node.schema.type ?? '';
    try {
      const result = program.run(variables, Math.min(perCall, this.#left));
      this.#left -= result.cost;
      if (result.value !== true) this.#failed(compiled, { variables, path, shown });
    } catch (error) {
      this.#broken(error, compiled, { path, shown });
    }
  }

  #failed(
    { rule, message, fieldPath }: CompiledRule,
    { variables, path, shown }: { variables: Record<string, Value | undefined>; path: string; shown: string },
  ): void {
    const text = (message && this.#say(message, variables)) ?? ruleText(rule);
    const separator = fieldPath === '' || fieldPath.startsWith('[') || path === '' ? '' : '.';
    const field = `${path}${separator}${fieldPath}` || noPath;
    this.errors.push(errorFor(rule.reason ?? 'FieldValueInvalid', { field, shown, text }));
  }

  /** An expression that gives no usable message leaves it to the fixed one. */
  #say(
    message: NonNullable<CompiledRule['message']>,
    variables: Record<string, Value | undefined>,
  ): string | undefined {
    try {
      const { value, cost } = message.run(variables, Math.min(perCall, this.#left));
      this.#left -= cost;
      if (typeof value !== 'string' || value.trim() === '' || value.includes('\n') || value.length > 5120)
        return undefined;
      return value.trim();
    } catch (error) {
      if (error instanceof EvaluationError || error instanceof CostError) return undefined;
      throw error;
    }
  }

  #broken(error: unknown, { rule }: CompiledRule, { path, shown }: { path: string; shown: string }): void {
    const field = path || noPath;
    const add = (text: string) => this.errors.push(errorFor('FieldValueInvalid', { field, shown, text }));
    if (error instanceof CostError) {
      this.#isOver = true;
      if (this.#left <= perCall) add(outOfBudget);
      else
        add(
          `'${error.message}': no further validation rules will be run due to call cost exceeds limit for rule: ${rule.rule}`,
        );
    } else if (error instanceof EvaluationError) {
      const isOverload = error.message === 'no such overload';
      const why = isOverload
        ? 'call arguments did not match a supported operator, function or macro signature for rule'
        : 'evaluating rule';
      add(isOverload ? `'${error.message}': ${why}: ${rule.rule}` : `'${error.message}' ${why}: ${rule.rule}`);
    } else throw error;
  }
}

const ruleText = ({ message, rule }: { message?: string; rule: string }): string =>
  message?.trim() || `failed rule: ${rule.trim()}`;

function errorFor(type: string, { field, shown, text }: { field: string; shown: string; text: string }): FieldError {
  const value = toJson(shown);
  switch (type) {
    case 'FieldValueForbidden':
      return { type, field, message: `Forbidden: ${text}` };
    case 'FieldValueRequired':
      return { type, field, message: `Required value: ${text}` };
    case 'FieldValueDuplicate':
      return { type, field, message: `Duplicate value: ${value}` };
    default:
      return { type, field, message: `Invalid value: ${value}: ${text}` };
  }
}
