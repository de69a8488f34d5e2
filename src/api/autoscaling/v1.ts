import { defineConversion } from '../conversion.ts';
import type { AutoscalingHorizontalPodAutoscaler, HorizontalPodAutoscaler, MetricSpec } from '../generated/types.ts';
import { type Json, behaviorText, flatMetric, nestedMetric, parsed, parsedBehavior } from './v1-metrics.ts';

/** autoscaling/v1 knows nothing but a CPU target; the rest travels in these (pkg/apis/autoscaling/annotations.go). */
const prefix = 'autoscaling.alpha.kubernetes.io/';
const metricsKey = `${prefix}metrics`;
const currentMetricsKey = `${prefix}current-metrics`;
const conditionsKey = `${prefix}conditions`;
const behaviorKey = `${prefix}behavior`;
const carried = new Set([metricsKey, currentMetricsKey, conditionsKey, behaviorKey]);

const withoutCarried = (annotations: Record<string, string> | undefined): Record<string, string> =>
  Object.fromEntries(Object.entries(annotations ?? {}).filter(([key]) => !carried.has(key)));

const cpu = (target: Json): Json => ({ type: 'Resource', resource: { name: 'cpu', ...target } });
const cpuTarget = (averageUtilization: number): Json => cpu({ target: { type: 'Utilization', averageUtilization } });
/** What Kubernetes scales by when nothing is said. */
const defaultUtilization = 80;

/** The CPU target that v1 has a member for. */
const isCpuTarget = ({ type, resource }: MetricSpec): boolean =>
  type === 'Resource' && resource?.name === 'cpu' && resource.target.averageUtilization !== undefined;

const members = (entries: Record<string, unknown>): Json =>
  Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined));

export const horizontalPodAutoscalerV1 = defineConversion<AutoscalingHorizontalPodAutoscaler, HorizontalPodAutoscaler>({
  toStored(hpa) {
    const { annotations = {} } = hpa.metadata;
    const { targetCPUUtilizationPercentage: target, ...spec } = hpa.spec;
    const { currentCPUUtilizationPercentage: current, ...status } = hpa.status;
    const metrics = (parsed(annotations[metricsKey]) ?? []).map((metric) => nestedMetric(metric, 'target'));
    if (target !== undefined) metrics.push(cpuTarget(target));
    if (metrics.length === 0) metrics.push(cpuTarget(defaultUtilization));
    const known = parsed(annotations[currentMetricsKey])?.map((metric) => nestedMetric(metric, 'current'));
    const utilization = current === undefined ? undefined : [cpu({ current: { averageUtilization: current } })];
    const conditions = parsed(annotations[conditionsKey]);
    return {
      ...hpa,
      metadata: { ...hpa.metadata, annotations: withoutCarried(annotations) },
      spec: { ...spec, metrics, ...members({ behavior: parsedBehavior(annotations[behaviorKey]) }) },
      status: { ...status, ...members({ currentMetrics: known ?? utilization, conditions }) },
    } as unknown as HorizontalPodAutoscaler;
  },
  fromStored(hpa) {
    const { metrics = [], behavior, ...spec } = hpa.spec;
    const { currentMetrics: shownMetrics, conditions, ...status } = hpa.status;
    const currentMetrics = shownMetrics ?? [];
    const target = metrics.find(isCpuTarget)?.resource?.target.averageUtilization;
    const current = currentMetrics.find(({ type, resource }) => type === 'Resource' && resource?.name === 'cpu');
    const others = metrics.filter((metric) => !isCpuTarget(metric)).map((metric) => flatMetric(metric, 'target'));
    const shown = currentMetrics.map((metric) => flatMetric(metric, 'current'));
    const texts = members({
      [metricsKey]: listText(others),
      [currentMetricsKey]: listText(shown),
      [conditionsKey]: listText(conditions ?? []),
      [behaviorKey]: behavior && behaviorText(behavior),
    }) as Record<string, string>;
    return {
      ...hpa,
      metadata: { ...hpa.metadata, annotations: { ...withoutCarried(hpa.metadata.annotations), ...texts } },
      spec: { ...spec, ...members({ targetCPUUtilizationPercentage: target }) },
      status: {
        ...status,
        ...members({ currentCPUUtilizationPercentage: current?.resource?.current.averageUtilization }),
      },
    } as unknown as AutoscalingHorizontalPodAutoscaler;
  },
});

const listText = (list: readonly unknown[]): string | undefined => (list.length > 0 ? JSON.stringify(list) : undefined);
