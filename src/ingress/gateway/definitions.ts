import type { CustomResourceDefinition } from '../../api/generated/types.ts';
import type { Manifest } from '../../api/resource.ts';
import { grpcRouteSchema, httpRouteSchema } from './route-schema.ts';
import {
  conditions,
  controllerName,
  group,
  hostname,
  kind,
  list,
  listBy,
  name,
  namespace,
  object,
  oneOf,
  port,
  rule,
  rules,
  type Schema,
  sectionName,
  text,
} from './schema.ts';
import { gatewayGroup } from './types.ts';

/** The API that the definitions are of, and which revision of ours; who installs another says so in the same annotation. */
export const bundleAnnotation = 'gateway.networking.k8s.io/bundle-version';
const bundle = 'v1.3.0-knarr.2';

/** The revision of definitions that are ours; undefined for anybody else's. */
export const revisionOf = ({ metadata }: CustomResourceDefinition): number | undefined => {
  const [, revision] = /-knarr\.(\d+)$/.exec(metadata.annotations?.[bundleAnnotation] ?? '') ?? [];
  return revision === undefined ? undefined : Number(revision);
};

const def = (schema: Schema, value: unknown): Schema => ({ ...schema, default: value });

const classSpec = object(
  {
    controllerName: { ...controllerName, ...rules(rule('self == oldSelf', 'Value is immutable')) },
    description: text({ maxLength: 64 }),
    parametersRef: object({ group, kind, name: name(), namespace }, ['group', 'kind', 'name']),
  },
  ['controllerName'],
);
const classStatus = object({
  conditions,
  supportedFeatures: listBy('name', object({ name: text() }, ['name']), 64),
});

const secretRef = object({ group: def(group, ''), kind: def(kind, 'Secret'), namespace, name: name() }, ['name']);
const selector = object({
  matchLabels: { type: 'object', additionalProperties: text() },
  matchExpressions: list(
    object({ key: text(), operator: text(), values: list(text(), 1024) }, ['key', 'operator']),
    64,
  ),
});
const routeKind = object({ group: def(group, gatewayGroup), kind }, ['kind']);
const listener = object(
  {
    name: sectionName,
    hostname,
    port,
    protocol: text({
      minLength: 1,
      maxLength: 255,
      pattern:
        '^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/[A-Za-z0-9]+$',
    }),
    tls: object({
      mode: def(oneOf(['Terminate', 'Passthrough']), 'Terminate'),
      certificateRefs: list(secretRef, 64),
      options: { type: 'object', additionalProperties: text({ maxLength: 4096 }), maxProperties: 16 },
    }),
    allowedRoutes: def(
      object({
        namespaces: def(object({ from: def(oneOf(['All', 'Selector', 'Same']), 'Same'), selector }), { from: 'Same' }),
        kinds: list(routeKind, 8),
      }),
      { namespaces: { from: 'Same' } },
    ),
  },
  ['name', 'port', 'protocol'],
);
const gatewaySpec = object(
  {
    gatewayClassName: name(),
    listeners: listBy('name', listener, 64, {
      minItems: 1,
      ...rules(
        rule(
          "self.all(l, l.protocol in ['HTTP', 'TCP', 'UDP'] ? !has(l.tls) : true)",
          "tls must not be specified for protocols ['HTTP', 'TCP', 'UDP']",
        ),
        rule(
          "self.all(l, (l.protocol == 'HTTPS' && has(l.tls)) ? (l.tls.mode == '' || l.tls.mode == 'Terminate') : true)",
          'tls mode must be Terminate for protocol HTTPS',
        ),
        rule(
          "self.all(l, l.protocol in ['TCP', 'UDP']  ? (!has(l.hostname) || l.hostname == '') : true)",
          "hostname must not be specified for protocols ['TCP', 'UDP']",
        ),
        rule(
          'self.all(l1, self.exists_one(l2, l1.port == l2.port && l1.protocol == l2.protocol && (has(l1.hostname) && has(l2.hostname) ? l1.hostname == l2.hostname : !has(l1.hostname) && !has(l2.hostname))))',
          'Combination of port, protocol and hostname must be unique for each listener',
        ),
      ),
    }),
    addresses: list(
      object({ type: def(text({ minLength: 1, maxLength: 253 }), 'IPAddress'), value: text({ maxLength: 253 }) }),
      16,
    ),
    infrastructure: object({
      labels: { type: 'object', additionalProperties: text({ maxLength: 63 }), maxProperties: 8 },
      annotations: { type: 'object', additionalProperties: text({ maxLength: 4096 }), maxProperties: 8 },
      parametersRef: object({ group, kind, name: name() }, ['group', 'kind', 'name']),
    }),
  },
  ['gatewayClassName', 'listeners'],
);
const gatewayStatus = object({
  addresses: list(object({ type: def(text({ maxLength: 253 }), 'IPAddress'), value: name() }, ['value']), 16),
  conditions,
  listeners: listBy(
    'name',
    object(
      {
        name: sectionName,
        supportedKinds: list(routeKind, 8),
        attachedRoutes: { type: 'integer', format: 'int32' },
        conditions,
      },
      ['name', 'supportedKinds', 'attachedRoutes', 'conditions'],
    ),
    64,
  ),
});

const grantSpec = object(
  {
    from: list(object({ group, kind, namespace }, ['group', 'kind', 'namespace']), 16, { minItems: 1 }),
    to: list(object({ group, kind, name: name() }, ['group', 'kind']), 16, { minItems: 1 }),
  },
  ['from', 'to'],
);

interface Column {
  name: string;
  type: string;
  jsonPath: string;
  priority?: number;
}
const age: Column = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };
const ofCondition = (type: string): Column => ({
  name: type,
  type: 'string',
  jsonPath: `.status.conditions[?(@.type=="${type}")].status`,
});

interface Names {
  kind: string;
  plural: string;
  shortNames: string[];
  scope: 'Cluster' | 'Namespaced';
}

function definition(
  names: Names,
  { versions, spec, status, columns }: { versions: string[]; spec: Schema; status?: Schema; columns: Column[] },
): Manifest<CustomResourceDefinition> {
  const { scope, ...rest } = names;
  const meta = { apiVersion: text(), kind: text(), metadata: { type: 'object' } };
  const openAPIV3Schema = object({ ...meta, spec, ...(status ? { status } : {}) }, status ? ['spec'] : []);
  return {
    metadata: {
      name: `${names.plural}.${gatewayGroup}`,
      annotations: {
        'api-approved.kubernetes.io': 'https://github.com/kubernetes-sigs/gateway-api/pull/3328',
        [bundleAnnotation]: bundle,
        'gateway.networking.k8s.io/channel': 'standard',
      },
    },
    spec: {
      group: gatewayGroup,
      scope,
      names: {
        ...rest,
        singular: names.kind.toLowerCase(),
        listKind: `${names.kind}List`,
        categories: ['gateway-api'],
      },
      versions: versions.map((version, i) => ({
        name: version,
        served: true,
        storage: i === 0,
        schema: { openAPIV3Schema },
        ...(status ? { subresources: { status: {} } } : {}),
        additionalPrinterColumns: [...columns, age],
      })),
    },
  } as Manifest<CustomResourceDefinition>;
}

/** GatewayClass, Gateway, HTTPRoute, GRPCRoute and ReferenceGrant of the standard channel, written from the specification. */
export const gatewayDefinitions: readonly Manifest<CustomResourceDefinition>[] = [
  definition(
    { kind: 'GatewayClass', plural: 'gatewayclasses', shortNames: ['gc'], scope: 'Cluster' },
    {
      versions: ['v1', 'v1beta1'],
      spec: classSpec,
      status: classStatus,
      columns: [{ name: 'Controller', type: 'string', jsonPath: '.spec.controllerName' }, ofCondition('Accepted')],
    },
  ),
  definition(
    { kind: 'Gateway', plural: 'gateways', shortNames: ['gtw'], scope: 'Namespaced' },
    {
      versions: ['v1', 'v1beta1'],
      spec: gatewaySpec,
      status: gatewayStatus,
      columns: [
        { name: 'Class', type: 'string', jsonPath: '.spec.gatewayClassName' },
        { name: 'Address', type: 'string', jsonPath: '.status.addresses[*].value' },
        ofCondition('Programmed'),
      ],
    },
  ),
  definition(
    { kind: 'HTTPRoute', plural: 'httproutes', shortNames: [], scope: 'Namespaced' },
    {
      versions: ['v1', 'v1beta1'],
      ...httpRouteSchema,
      columns: [{ name: 'Hostnames', type: 'string', jsonPath: '.spec.hostnames' }],
    },
  ),
  definition(
    { kind: 'GRPCRoute', plural: 'grpcroutes', shortNames: [], scope: 'Namespaced' },
    {
      versions: ['v1'],
      ...grpcRouteSchema,
      columns: [{ name: 'Hostnames', type: 'string', jsonPath: '.spec.hostnames' }],
    },
  ),
  definition(
    { kind: 'ReferenceGrant', plural: 'referencegrants', shortNames: ['refgrant'], scope: 'Namespaced' },
    { versions: ['v1beta1'], spec: grantSpec, columns: [] },
  ),
];
