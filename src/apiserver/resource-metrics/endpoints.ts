import type { Kind } from '../../api/kind.ts';
import { badRequest, notFound } from '../../api/meta/status-error.ts';
import type { KubeObject } from '../../api/resource.ts';
import { type Cell, defineStrategy } from '../../api/strategy.ts';
import { customScale } from '../../api/structural/scale.ts';
import { customType } from '../../api/structural/custom-type.ts';
import type { Structural } from '../../api/structural/schema.ts';
import type { Endpoint } from '../endpoint.ts';
import { asStored } from '../representation.ts';

export interface MetricsObject extends KubeObject {
  timestamp: string;
  /** A Go duration. */
  window: string;
  /** Of a node. */
  usage?: UsageText;
  /** Of a pod. */
  containers?: { name: string; usage: UsageText }[];
}

interface UsageText {
  cpu: string;
  memory: string;
}

export const metricsGroup = { group: 'metrics.k8s.io', version: 'v1beta1' };

const quantities: Structural = {
  type: 'object',
  additionalProperties: { 'x-kubernetes-int-or-string': true },
};
const times: Record<string, Structural> = {
  timestamp: { type: 'string', format: 'date-time' },
  window: { type: 'string' },
};
const nodeSchema: Structural = { type: 'object', properties: { ...times, usage: quantities } };
const podSchema: Structural = {
  type: 'object',
  properties: {
    ...times,
    containers: {
      type: 'array',
      items: { type: 'object', properties: { name: { type: 'string' }, usage: quantities } },
    },
  },
};

/** As `kubectl get podmetrics` shows them. */
const columns = [
  { name: 'Name', type: 'string', format: 'name', description: 'Name of the resource' },
  { name: 'cpu', type: 'string', description: 'cpu used' },
  { name: 'memory', type: 'string', description: 'memory used' },
  { name: 'Window', type: 'string', description: 'how long it was measured' },
];

const kindOf = (at: { kind: string; resource: string; namespaced: boolean }): Kind => ({
  ...metricsGroup,
  ...at,
  singular: '',
  verbs: ['get', 'list'],
  type: '',
  stability: 'beta',
  columns,
});

const strategy = defineStrategy<MetricsObject>({
  cells: ({ metadata, usage, containers = [], window }): Cell[] => {
    const all = usage ? [usage] : containers.map((one) => one.usage);
    const nanoCores = all.reduce((sum, { cpu }) => sum + Number.parseInt(cpu, 10), 0);
    const kibibytes = all.reduce((sum, { memory }) => sum + Number.parseInt(memory, 10), 0);
    return [metadata.name, `${nanoCores}n`, `${kibibytes}Ki`, window];
  },
});

const nodeMetrics = kindOf({ kind: 'NodeMetrics', resource: 'nodes', namespaced: false });
const podMetrics = kindOf({ kind: 'PodMetrics', resource: 'pods', namespaced: true });

/** The kinds of `metrics.k8s.io`, each with a printer. */
export const metricsKinds: readonly Kind[] = [nodeMetrics, podMetrics];

/** What is served of `metrics.k8s.io`; `answers` reads it from the nodes. */
export const metricsEndpoints = (answers: NonNullable<Endpoint['answers']>): Endpoint[] => [
  endpoint(nodeMetrics, nodeSchema, answers),
  endpoint(podMetrics, podSchema, answers),
];

const endpoint = (kind: Kind, schema: Structural, answers: Endpoint['answers']): Endpoint => ({
  kind,
  resource: `${kind.resource}.${kind.group}`,
  type: customType(schema, kind),
  strategy,
  subresources: new Map(),
  representation: asStored,
  fieldPaths: [],
  storedFields: [],
  fieldsIndexed: false,
  scale: customScale(undefined),
  returnsDeleted: false,
  itemsAreTyped: true,
  unknownField: (label) => badRequest(`field label not supported: ${label}`),
  unknownSubresource: (name) => notFound(kind, name),
  answers,
});
