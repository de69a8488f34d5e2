import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { servedKinds } from '../generated/kinds.ts';
import type { Kind } from '../kind.ts';
import { validateObjectMeta } from '../meta/object-meta.ts';
import { type KubeObject, groupResource } from '../resource.ts';
import { applyDefaults } from '../schema/defaults.ts';
import { schema } from '../schema/schema.ts';
import { validationRules } from './rules.ts';

interface Recorded {
  name: string;
  resource: string;
  request: unknown;
  /** Reason, field, message. */
  causes: [string, string, string][];
}

/** Requests that a real API server (1.20) refused, with every cause. */
const recorded = readFileSync(join(import.meta.dirname, 'testdata/invalid.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Recorded);

/** Kinds without rules of ours so far, and rules that need what the registry fills in. */
const notYet = new Set(['crd', 'vwc', 'job-selector']);

/** What 1.36 says instead: values as JSON, bytes, longer lists. An empty text: the rule is gone. */
const since: [RegExp, string][] = [
  [/must be no more than (15|52) characters/, 'must be no more than $1 bytes'],
  [/must be less than or equal to cpu limit/, 'must be less than or equal to cpu limit of 1'],
  [/.*a valid environment variable name must consist of alphabetic.*/, ''],
  [/.*must be a valid IP address$/, ''],
  [/core\.Toleration\{.*\}/, '"x"'],
  [/intstr\.IntOrString\{Type:0, IntVal:0, StrVal:""\}/, '0'],
  [/intstr\.IntOrString\{Type:1, IntVal:0, StrVal:"x"\}/, '"x"'],
  [/v1\.LabelSelector\{.*\}/, '{"matchExpressions":[{"key":"a","operator":"Bad"}]}'],
  [/apps\.DeploymentStrategy\{.*\}/, '{"Type":"X","RollingUpdate":{"MaxUnavailable":"200%","MaxSurge":"a%"}}'],
  [/apps\.StatefulSetUpdateStrategy\{.*\}/, '{"Type":"Y","RollingUpdate":null}'],
  [
    /policy\.PodDisruptionBudgetSpec\{.*\}/,
    '{"MinAvailable":"x","Selector":{"matchExpressions":[{"key":"a","operator":"In"}]},"MaxUnavailable":-1,"UnhealthyPodEvictionPolicy":null}',
  ],
  [/resource\.Quantity\{.*value:15.*"DecimalSI"\}/, '"1500m"'],
  [/resource\.Quantity\{.*s:"(\d+)".*\}/, '"$1"'],
  [/(?:map\[string\]string|\[\]networking\.IngressRule|core\.ResourceList)\(nil\)/, 'null'],
  [/map\[string\]string(\{.*\})/, '$1'],
  [/\[\]string\{"x"\}: must be valid CIDR/, '"x": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'],
  [/"x": not a valid CIDR/, '"x": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'],
  [/\[\](?:string|core\.ResourceQuotaScope)\{(.*)\}/, '[$1]'],
  [/Expected exactly 5 fields, found 1: bad/, 'expected exactly 5 fields, found 1: [bad]'],
  [/"ReadWriteOnce"$/, '"ReadWriteOnce", "ReadWriteOncePod"'],
  [/\(127\.0\.0\.0\/8\)/, '(127.0.0.0/8, ::1/128)'],
  [/must to greater or equal than 0/, 'must be greater than or equal to 0'],
  [/.*"1\.bad": a DNS-1035 label must.*/, 'Invalid value: "1.bad": must not contain dots'],
];

/** Rules that the older server did not have, or that need what its registry had filled in. */
const added: Record<string, string[]> = {
  'sts-empty': ['FieldValueRequired spec.template.spec.containers: Required value'],
  'job-restart': [
    'FieldValueRequired spec.selector: Required value',
    'FieldValueInvalid spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`',
  ],
  'ds-empty': [
    'FieldValueRequired spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0',
  ],
};
const gone: Record<string, string[]> = {
  'ds-empty': ['FieldValueInvalid spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: 0: cannot be 0'],
};

function expected({ name, causes }: Recorded): string[] {
  const texts = causes.flatMap(([reason, field, message]) => {
    const text = since.reduce((m, [old, current]) => m.replace(old, current), message);
    return text ? [`${reason} ${field}: ${text}`] : [];
  });
  return [...texts.filter((text) => !gone[name]?.includes(text)), ...(added[name] ?? [])].sort();
}

const kindOf = (resource: string) => servedKinds.find((kind) => groupResource(kind) === resource) as Kind;

function ours({ resource, request }: Recorded): string[] {
  const kind = kindOf(resource);
  const object = applyDefaults(kind.type, schema.codecFor(kind.type).decode(request).object) as KubeObject;
  if (kind.namespaced) object.metadata.namespace = 'err';
  const rules = validationRules[resource];
  const errors = [
    ...validateObjectMeta(kind, object.metadata),
    ...(rules?.validate?.(object) ?? []),
    ...(rules?.validateCreate?.(object) ?? []),
  ];
  return errors.map((error) => `${error.type} ${error.field}: ${error.message}`).sort();
}

describe('refusals of a recorded API server', () => {
  it.each(recorded.filter((r) => !notYet.has(r.name)).map((r) => [r.name, r] as const))('%s', (_name, record) => {
    expect(ours(record)).toEqual(expected(record));
  });
});

/** Requests that a real API server took must pass. */
const accepted = readFileSync(join(import.meta.dirname, '../schema/testdata/defaults.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as { name: string; type: string; request: unknown });

describe('objects of a recorded API server', () => {
  it.each(accepted.map((r) => [r.name, r] as const))('%s passes', (_name, { type, request }) => {
    const kind = servedKinds.find((k) => k.type === type) as Kind;
    const object = applyDefaults(type, schema.codecFor(type).decode(request).object) as KubeObject & {
      spec?: Record<string, unknown>;
    };
    // What the registry and admission fill in between defaults and validation.
    object.metadata.name ??= 'made';
    if (kind.namespaced) object.metadata.namespace ??= 'def';
    if (kind.kind === 'Job') {
      object.metadata.uid = 'u';
      const labels = Object.fromEntries(
        ['', 'batch.kubernetes.io/'].flatMap((domain) => [
          [`${domain}controller-uid`, 'u'],
          [`${domain}job-name`, object.metadata.name],
        ]),
      );
      Object.assign(object.spec as object, { selector: { matchLabels: labels } });
      const template = object.spec?.template as { metadata: { labels?: object } };
      template.metadata.labels = { ...template.metadata.labels, ...labels };
    }
    if (kind.kind === 'Pod') object.spec = { ...object.spec, serviceAccountName: 'default' };
    const rules = validationRules[groupResource(kind)];
    expect([...(rules?.validate?.(object) ?? []), ...(rules?.validateCreate?.(object) ?? [])]).toEqual([]);
    expect(rules?.validateUpdate?.(structuredClone(object), object) ?? []).toEqual([]);
  });
});
