import type { MetricSpec, MetricStatus, MetricTarget, MetricValueStatus } from '../../api/generated/types.ts';
import { formatLabelSelector } from '../../api/meta/label-selector.ts';
import { formatQuantity, milliValue } from '../../api/meta/quantity.ts';
import type { MetricsSource, PodQuery } from './metrics.ts';
import { byAmountPerPod, byShare, byUtilization, byValue, type Proposal, type Situation } from './replica-count.ts';

export interface MetricProposal {
  replicas: number;
  /** What asked for it, for events and conditions. */
  name: string;
  status: MetricStatus;
}

/** Why a metric gave no number of replicas: the reason of the condition ScalingActive. */
export class MetricError extends Error {
  readonly reason: string;

  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }
}

export interface Asked {
  query: PodQuery;
  source: MetricsSource;
  situation: Situation;
}

const amount = (milli: number): string =>
  formatQuantity({ nanos: BigInt(Math.trunc(milli)) * 1_000_000n, format: 'DecimalSI' });

/** How many replicas one metric asks for. Rejects with `MetricError`. */
export async function proposalOf(spec: MetricSpec, asked: Asked): Promise<MetricProposal> {
  const kind = kinds[spec.type];
  if (!kind) {
    throw new MetricError(
      'InvalidMetricSourceType',
      `the HPA was unable to compute the replica count: unknown metric source type ${JSON.stringify(spec.type)}`,
    );
  }
  try {
    return await kind.propose(spec, asked);
  } catch (error) {
    const why = (error as Error).message;
    throw new MetricError(kind.failure, `the HPA was unable to compute the replica count: ${kind.about(spec)}${why}`);
  }
}

interface MetricKind {
  failure: string;
  /** Comes before what went wrong. */
  about(spec: MetricSpec): string;
  propose(spec: MetricSpec, asked: Asked): Promise<MetricProposal>;
}

/** By type; a new type of metric is one entry. */
const kinds: Record<string, MetricKind> = {
  Resource: {
    failure: 'FailedGetResourceMetric',
    about: ({ resource }) =>
      `failed to get ${resource?.name} ${resource?.target.averageValue === undefined ? 'utilization' : 'usage'}: `,
    async propose({ resource }, asked) {
      const { name = '', target = { type: '' } } = resource ?? {};
      const { proposal, what } = await resourceProposal(asked, { name, target });
      const current = valueOf(proposal, target);
      return {
        replicas: proposal.replicas,
        name: `${name} resource${what}`,
        status: { type: 'Resource', resource: { name, current } },
      };
    },
  },
  ContainerResource: {
    failure: 'FailedGetContainerResourceMetric',
    about: ({ containerResource }) =>
      `failed to get ${containerResource?.name} of container ${containerResource?.container}: `,
    async propose({ containerResource }, asked) {
      const { name = '', container = '', target = { type: '' } } = containerResource ?? {};
      const { proposal, what } = await resourceProposal(asked, { name, target, container });
      const current = valueOf(proposal, target);
      const status = { type: 'ContainerResource', containerResource: { name, container, current } };
      return { replicas: proposal.replicas, name: `${name} container resource${what}`, status };
    },
  },
  Pods: {
    failure: 'FailedGetPodsMetric',
    about: () => 'failed to get pods metric value: unable to get metric: ',
    async propose({ pods }, { query, source, situation }) {
      if (!pods) throw new Error('no pods metric');
      const samples = await source.pods(query, pods.metric);
      const targetMilli = milliValue(pods.target.averageValue ?? '0');
      const proposal = byAmountPerPod(situation, { samples, resource: '', targetMilli });
      const status = { type: 'Pods', pods: { metric: pods.metric, current: valueOf(proposal, pods.target) } };
      return { replicas: proposal.replicas, name: `pods metric ${pods.metric.name}`, status };
    },
  },
  Object: {
    failure: 'FailedGetObjectMetric',
    about: () => 'failed to get object metric value: unable to get metric: ',
    async propose({ object }, { query, source, situation }) {
      if (!object) throw new Error('no object metric');
      const { metric, describedObject, target } = object;
      const milli = await source.object(query.namespace, metric, describedObject);
      const { replicas, current } = numberProposal(situation, milli, target);
      const status = { type: 'Object', object: { metric, describedObject, current } };
      return { replicas, name: `${describedObject.kind} metric ${metric.name}`, status };
    },
  },
  External: {
    failure: 'FailedGetExternalMetric',
    about: ({ external }) =>
      `failed to get ${external?.metric.name} external metric value: unable to get external metric: `,
    async propose({ external }, { query, source, situation }) {
      if (!external) throw new Error('no external metric');
      const { metric, target } = external;
      const milli = (await source.external(query.namespace, metric)).reduce((a, b) => a + b, 0);
      const { replicas, current } = numberProposal(situation, milli, target);
      const selector = metric.selector ? formatLabelSelector(metric.selector) : 'nil';
      return {
        replicas,
        name: `external metric ${metric.name}(${selector})`,
        status: { type: 'External', external: { metric, current } },
      };
    },
  },
};

async function resourceProposal(
  { query, source, situation }: Asked,
  { name, target, container }: { name: string; target: MetricTarget; container?: string },
): Promise<{ proposal: Proposal; what: string }> {
  const samples = await source.resource(query, name, container);
  if (target.averageValue !== undefined) {
    const targetMilli = milliValue(target.averageValue);
    return { proposal: byAmountPerPod(situation, { samples, resource: name, targetMilli }), what: '' };
  }
  const percent = target.averageUtilization;
  if (percent === undefined)
    throw new Error('invalid resource metric source: neither a utilization target nor a value target was set');
  const proposal = byUtilization(situation, { samples, resource: name, percent, container });
  return { proposal, what: ' utilization (percentage of request)' };
}

function numberProposal(
  s: Situation,
  milli: number,
  target: MetricTarget,
): { replicas: number; current: MetricValueStatus } {
  if (target.value !== undefined)
    return { replicas: byValue(s, milli, milliValue(target.value)), current: { value: amount(milli) } };
  if (target.averageValue === undefined)
    throw new Error('invalid metric source: neither a value target nor an average value target was set');
  const proposal = byShare(s, milli, milliValue(target.averageValue));
  return { replicas: proposal.replicas, current: valueOf(proposal, target) };
}

function valueOf({ utilization, milliPerPod }: Proposal, target: MetricTarget): MetricValueStatus {
  const average = milliPerPod === undefined ? {} : { averageValue: amount(milliPerPod) };
  return target.averageUtilization === undefined ? average : { averageUtilization: utilization, ...average };
}
