import type { CrossVersionObjectReference, LabelSelector } from '../../api/generated/types.ts';
import { milliValue } from '../../api/meta/quantity.ts';
import type { KubeObject, Resource } from '../../api/resource.ts';
import type { Client } from '../../client/client.ts';

/** One pod's sample, in thousandths of the unit (cores, bytes, requests, …). */
export interface PodSample {
  milli: number;
  timestampMs: number;
  windowMs: number;
}

export type PodSamples = Map<string, PodSample>;

export interface PodQuery {
  namespace: string;
  /** In the query syntax. */
  selector: string;
}

/** Where the numbers come from. Every call rejects when there are none. */
export interface MetricsSource {
  /** Usage of a resource by pod; of one container of each when named. */
  resource(query: PodQuery, resource: string, container?: string): Promise<PodSamples>;
  pods(query: PodQuery, metric: MetricName): Promise<PodSamples>;
  object(namespace: string, metric: MetricName, object: CrossVersionObjectReference): Promise<number>;
  external(namespace: string, metric: MetricName): Promise<number[]>;
}

export interface MetricName {
  name: string;
  selector?: LabelSelector;
}

/** metrics.k8s.io/v1beta1, as metrics-server serves it. */
interface PodMetrics extends KubeObject {
  timestamp: string;
  window: string;
  containers: { name: string; usage: Record<string, string> }[];
}

const podMetrics: Resource<PodMetrics> = {
  group: 'metrics.k8s.io',
  version: 'v1beta1',
  resource: 'pods',
  kind: 'PodMetrics',
  namespaced: true,
};

/** The metrics APIs of the cluster. */
export function clusterMetrics(client: Client): MetricsSource {
  const none = (api: string) => (): Promise<never> => Promise.reject(new Error(`no ${api} API registered`));
  const custom = none('custom metrics (custom.metrics.k8s.io)');
  return {
    async resource({ namespace, selector }, resource, container) {
      const { items } = await client.list(podMetrics, { namespace, labelSelector: selector });
      if (items.length === 0) throw new Error('no metrics returned from resource metrics API');
      return new Map(items.flatMap((one) => sampleOf(one, resource, container)));
    },
    pods: custom,
    object: custom,
    external: none('external metrics (external.metrics.k8s.io)'),
  };
}

/** None when a container does not tell the resource: half a sum would look like little use. */
function sampleOf(metrics: PodMetrics, resource: string, container: string | undefined): [string, PodSample][] {
  const chosen = metrics.containers.filter((c) => container === undefined || c.name === container);
  const usages = chosen.map((c) => c.usage[resource]);
  if (usages.length === 0 || usages.includes(undefined)) return [];
  const milli = usages.reduce((sum, text) => sum + milliValue(text ?? '0'), 0);
  const timestampMs = Date.parse(metrics.timestamp);
  return [[metrics.metadata.name, { milli, timestampMs, windowMs: windowMs(metrics.window) }]];
}

/** A Go duration. */
function windowMs(text: string): number {
  const units: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
  let ms = 0;
  for (const [, amount, unit] of text.matchAll(/([\d.]+)(ms|s|m|h)/g)) ms += Number(amount) * (units[unit ?? ''] ?? 0);
  return ms;
}
