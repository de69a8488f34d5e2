import type {
  HorizontalPodAutoscaler,
  MetricSpec,
  MetricStatus,
  MetricTarget,
  MetricValueStatus,
} from '../generated/types.ts';
import { type CellRule, age, columns, field, firstOf, name } from '../meta/columns.ts';
import { defineStrategy } from '../strategy.ts';

/** Where each type of metric keeps its part of spec and status, and whether an average is marked as one. */
const sources: Record<
  string,
  { part: 'external' | 'pods' | 'object' | 'resource' | 'containerResource'; utilization?: true; pods?: true }
> = {
  External: { part: 'external' },
  Object: { part: 'object' },
  Pods: { part: 'pods', pods: true },
  Resource: { part: 'resource', utilization: true },
  ContainerResource: { part: 'containerResource', utilization: true },
};

const percent = (value: number | undefined): string | undefined => (value === undefined ? undefined : `${value}%`);

/** `<current>/<target>` of one metric. */
function metricText(spec: MetricSpec, status: MetricStatus | undefined): string {
  const source = sources[spec.type];
  if (!source) return '<unknown type>';
  const target: Partial<MetricTarget> = spec[source.part]?.target ?? {};
  const current: MetricValueStatus = status?.[source.part]?.current ?? {};
  if (source.pods || target.averageValue !== undefined) {
    const mark = source.pods || source.utilization ? '' : ' (avg)';
    return `${current.averageValue ?? '<unknown>'}/${target.averageValue ?? '<nil>'}${mark}`;
  }
  if (source.utilization)
    return `${percent(current.averageUtilization) ?? '<unknown>'}/${percent(target.averageUtilization) ?? '<auto>'}`;
  return `${current.value ?? '<unknown>'}/${target.value ?? '<nil>'}`;
}

/** The metric's resource or type, as shown before its values. */
const labelOf = (spec: MetricSpec): string => {
  if (spec.type === 'Resource') return `${spec.resource?.name}: `;
  if (spec.type === 'ContainerResource') return `${spec.containerResource?.name}: `;
  return '';
};

const targets: CellRule<HorizontalPodAutoscaler> = ({ spec, status }) => {
  const texts = (spec.metrics ?? []).map(
    (metric, i) => labelOf(metric) + metricText(metric, status.currentMetrics?.[i]),
  );
  return texts.length === 0 ? '<none>' : firstOf(texts, 2, ', ');
};

export const horizontalPodAutoscaler = defineStrategy<HorizontalPodAutoscaler>({
  cells: columns<HorizontalPodAutoscaler>({
    Name: name,
    Reference: ({ spec }) => `${spec.scaleTargetRef.kind}/${spec.scaleTargetRef.name}`,
    Targets: targets,
    MinPods: ({ spec }) => (spec.minReplicas === undefined ? '<unset>' : String(spec.minReplicas)),
    MaxPods: field('spec.maxReplicas', 0),
    Replicas: field('status.currentReplicas', 0),
    Age: age,
  }),
});
