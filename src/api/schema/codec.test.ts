import { describe, expect, it } from 'vitest';
import { StatusError } from '../meta/status-error.ts';
import { schema } from './schema.ts';

const core = 'io.k8s.api.core.v1.';
const decode = (type: string, value: unknown) => schema.codecFor(type).decode(value);
const text = (type: string, value: unknown): string => JSON.stringify(decode(type, value).object);

function errorOf(type: string, value: unknown): StatusError {
  try {
    decode(type, value);
  } catch (error) {
    if (error instanceof StatusError) return error;
    throw error;
  }
  throw new Error('no error');
}

describe('decode: what Go would write', () => {
  it('puts kind, apiVersion and metadata first and keeps the schema order', () => {
    const pod = {
      spec: { containers: [{ image: 'a', name: 'c' }] },
      metadata: { labels: { b: '2', a: '1' }, name: 'p' },
    };
    expect(text(`${core}Pod`, pod)).toBe(
      '{"kind":"Pod","apiVersion":"v1","metadata":{"name":"p","labels":{"a":"1","b":"2"}},' +
        '"spec":{"containers":[{"name":"c","image":"a","resources":{}}]},"status":{}}',
    );
  });

  it('writes the zero of members without omitempty: null for a list, {} for a struct', () => {
    expect(text(`${core}PodSpec`, {})).toBe('{"containers":null}');
    expect(text('io.k8s.api.apps.v1.Deployment', { metadata: { name: 'd' } })).toBe(
      '{"kind":"Deployment","apiVersion":"apps/v1","metadata":{"name":"d"},' +
        '"spec":{"selector":null,"template":{"metadata":{},"spec":{"containers":null}},"strategy":{}},"status":{}}',
    );
    expect(text(`${core}ResourceFieldSelector`, { resource: 'limits.cpu' })).toBe(
      '{"resource":"limits.cpu","divisor":"0"}',
    );
  });

  it('drops nulls and empty values where omitempty applies, but not behind a pointer', () => {
    const spec = { replicas: 0, paused: false, minReadySeconds: 0, selector: null, template: null };
    expect(decode('io.k8s.api.apps.v1.DeploymentSpec', spec).object).toEqual({
      replicas: 0,
      selector: null,
      template: { metadata: {}, spec: { containers: null } },
      strategy: {},
    });
    expect(decode(`${core}ConfigMap`, { data: {}, binaryData: null, immutable: false }).object).toEqual({
      kind: 'ConfigMap',
      apiVersion: 'v1',
      metadata: {},
      immutable: false,
    });
  });

  it('keeps an empty list where none would be something else', () => {
    const rules = 'io.k8s.api.autoscaling.v2.HPAScalingRules';
    expect(text(rules, { policies: [], selectPolicy: 'Max' })).toBe('{"selectPolicy":"Max","policies":[]}');
    expect(text(rules, { policies: null })).toBe('{}');
    expect(text(rules, {})).toBe('{}');
  });

  it('gives null members of lists and maps their zero', () => {
    expect(decode(`${core}ConfigMap`, { data: { a: null } }).object).toMatchObject({ data: { a: '' } });
    expect(decode(`${core}PodSpec`, { containers: [null] }).object).toEqual({
      containers: [{ name: '', resources: {} }],
    });
  });

  it('writes quantities, times and bytes in canonical form', () => {
    const limits = { cpu: '1000m', memory: '0.5Gi', 'x/y': 2 };
    expect(decode(`${core}ResourceRequirements`, { limits }).object).toEqual({
      limits: { cpu: '1', memory: '512Mi', 'x/y': '2' },
    });
    const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';
    expect(decode(meta, { creationTimestamp: '2024-01-02T03:04:05.9+02:00' }).object).toEqual({
      creationTimestamp: '2024-01-02T01:04:05Z',
    });
    expect(decode(meta, { creationTimestamp: null }).object).toEqual({});
    const lease = { renewTime: '2024-01-02T03:04:05.123456+00:00' };
    expect(decode('io.k8s.api.coordination.v1.LeaseSpec', lease).object).toEqual({
      renewTime: '2024-01-02T03:04:05.123456Z',
    });
    expect(decode(`${core}Secret`, { data: { a: 'aGk=\n' } }).object).toMatchObject({ data: { a: 'aGk=' } });
  });

  it('gives its own output back unchanged', () => {
    const once = decode(`${core}Pod`, { metadata: { name: 'p' }, spec: { containers: [{ name: 'c' }] } }).object;
    expect(text(`${core}Pod`, once)).toBe(JSON.stringify(once));
  });
});

describe('decode: unknown fields', () => {
  it('names them by path and drops them', () => {
    const pod = {
      foo: 1,
      spec: { containers: [{ name: 'c', bar: 1 }], nodeSelector: { any: 'x' } },
      metadata: { name: 'p', x: {} },
    };
    const { object, unknown } = decode(`${core}Pod`, pod);
    expect(unknown).toEqual(['foo', 'spec.containers[0].bar', 'metadata.x']);
    expect(object).not.toHaveProperty('foo');
  });

  it('keeps __proto__ a plain key', () => {
    const value: unknown = JSON.parse('{"data":{"__proto__":"x"},"__proto__":{"polluted":1}}');
    const { object, unknown } = decode(`${core}ConfigMap`, value);
    expect(JSON.stringify(object)).toContain('"data":{"__proto__":"x"}');
    expect(unknown).toEqual(['__proto__']);
    expect(Object.getPrototypeOf((object as { data: object }).data)).toBe(Object.prototype);
  });
});

describe('decode: type errors in the words of Go', () => {
  const cases: [string, unknown, string][] = [
    [
      'io.k8s.api.apps.v1.Deployment',
      { spec: { replicas: 'two' } },
      'Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      `${core}Pod`,
      { spec: { containers: {} } },
      'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container',
    ],
    [
      `${core}Pod`,
      { spec: { containers: [{ name: 1 }] } },
      'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal number into Go struct field Container.spec.containers.name of type string',
    ],
    [
      `${core}Pod`,
      { spec: { restartPolicy: true, activeDeadlineSeconds: 1.5 } },
      'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal bool into Go struct field PodSpec.spec.restartPolicy of type v1.RestartPolicy',
    ],
    [
      `${core}Pod`,
      { spec: { activeDeadlineSeconds: 1.5 } },
      'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal number 1.5 into Go struct field PodSpec.spec.activeDeadlineSeconds of type int64',
    ],
    [
      'io.k8s.api.apps.v1.Deployment',
      { spec: { replicas: 3_000_000_000 } },
      'Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal number 3000000000 into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      `${core}ConfigMap`,
      { data: { a: 1 } },
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go struct field ConfigMap.data of type string',
    ],
    [
      `${core}Pod`,
      { spec: { containers: [{ resources: { limits: { cpu: 'abc' } } }] } },
      `Pod in version "v1" cannot be handled as a Pod: quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'`,
    ],
    [
      `${core}Pod`,
      { metadata: { creationTimestamp: 'nottime' } },
      'Pod in version "v1" cannot be handled as a Pod: parsing time "nottime" as "2006-01-02T15:04:05Z07:00": cannot parse "nottime" as "2006"',
    ],
    [
      `${core}Secret`,
      { data: { a: '!!!' } },
      'Secret in version "v1" cannot be handled as a Secret: illegal base64 data at input byte 0',
    ],
  ];
  it.each(cases)('%s %j', (type, value, message) => {
    const error = errorOf(type, value);
    expect(error.message).toBe(message);
    expect(error.reason).toBe('BadRequest');
  });

  it('refuses what is nested too deeply', () => {
    let schemaProps: unknown = {};
    for (let i = 0; i < 250; i++) schemaProps = { not: schemaProps };
    const type = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps';
    expect(errorOf(type, schemaProps).message).toContain('exceeded max depth');
  });
});

describe('every type of the schema', () => {
  it('reads an empty object and its own answer', () => {
    for (const type of schema.types()) {
      if (schema.kindOf(type) !== 'struct') continue;
      const { object } = decode(type, {});
      expect(decode(type, JSON.parse(JSON.stringify(object))).object, type).toEqual(object);
    }
  });
});
