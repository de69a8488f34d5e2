import { horizontalpodautoscalers, pods } from '../../api/generated/resources.ts';
import type { HorizontalPodAutoscaler, MetricStatus, Pod, Scale } from '../../api/generated/types.ts';
import { parseLabelSelector } from '../../api/meta/label-selector.ts';
import { isNotFound } from '../../api/meta/status-error.ts';
import { milliValue } from '../../api/meta/quantity.ts';
import { groupVersion, keyOf, keyText, type Resource } from '../../api/resource.ts';
import type { Client } from '../../client/client.ts';
import type { Informer } from '../../client/informer.ts';
import {
  type ControllerContext,
  type ControllerDefinition,
  defineController,
  done,
  requeueAfter,
  watch,
} from '../runtime.ts';
import { sameJson } from '../same-json.ts';
import { Scales } from '../scales.ts';
import { type Findings, statusAfter } from './autoscaler-status.ts';
import { bounded, type History, remember } from './behavior.ts';
import { MetricError, type MetricProposal, proposalOf } from './metric-proposal.ts';
import { clusterMetrics, type MetricsSource } from './metrics.ts';
import type { Situation } from './replica-count.ts';

/** How often metrics are looked at. */
const periodMs = 15_000;
const defaultTolerance = 0.1;

interface Work {
  context: ControllerContext;
  client: Client;
  source: MetricsSource;
  scales: Scales;
  allPods: Informer<Pod>;
  selections: Selections;
  hpa: HorizontalPodAutoscaler;
  /** Grows while the work goes on; becomes the status, also when it fails. */
  findings: Findings;
}

/** Keeps the number of replicas where the metrics of a HorizontalPodAutoscaler want it. */
export const horizontalPodAutoscalerScaling = (metrics?: MetricsSource): ControllerDefinition =>
  defineController({
    name: 'horizontalpodautoscaler.scaling',
    serviceAccount: 'horizontal-pod-autoscaler',
    eventSource: 'horizontal-pod-autoscaler',
    setup(context) {
      const all = context.informer(horizontalpodautoscalers);
      const allPods = context.informer(pods);
      const scales = new Scales(context);
      const histories = new Map<string, History>();
      const selections = new Selections();
      return {
        watches: [
          watch(
            all,
            (hpa) => [keyText(keyOf(hpa))],
            (old, hpa) => !sameJson(old.spec, hpa.spec),
          ),
        ],
        async reconcile(key, client) {
          const hpa = all.get(key);
          if (!hpa || hpa.metadata.deletionTimestamp) {
            histories.delete(key);
            selections.forget(key);
            return done;
          }
          const source = metrics ?? clusterMetrics(client);
          const findings: Findings = { conditions: [] };
          const w: Work = { context, client, source, scales, allPods, selections, hpa, findings };
          const history = remember(histories.get(key) ?? { recommendations: [], changes: [] }, {
            nowMs: context.clock.now(),
          });
          histories.set(key, history);
          const problem = await autoscale(w, history).catch((error: unknown) => error);
          const status = statusAfter(hpa, findings, context.clock.now());
          if (!sameJson(status, hpa.status)) {
            await client.update(horizontalpodautoscalers, { ...hpa, status }, { subresource: 'status' });
          }
          if (problem && !(problem instanceof Told)) throw problem;
          return requeueAfter(periodMs);
        },
      };
    },
  });

/** It is in the status and an event: trying again before the next look would only say it again. */
class Told extends Error {}

function tell(w: Work, reason: string, message: string): Told {
  w.context.recorder.event(about(w.hpa), 'Warning', reason, message);
  return new Told(message);
}

const about = (hpa: HorizontalPodAutoscaler) => ({
  ...hpa,
  kind: 'HorizontalPodAutoscaler',
  apiVersion: groupVersion(horizontalpodautoscalers),
});

async function autoscale(w: Work, history: History): Promise<void> {
  const { spec } = w.hpa;
  const { resource, scale } = await readScale(w);
  const current = scale.spec.replicas ?? 0;
  const minReplicas = spec.minReplicas ?? 1;
  w.findings.currentReplicas = current;
  w.findings.desiredReplicas = current;
  if (current === 0 && minReplicas !== 0) {
    w.findings.desiredReplicas = 0;
    const message = 'scaling is disabled since the replica count of the target is zero';
    w.findings.conditions.push({ type: 'ScalingActive', isTrue: false, reason: 'ScalingDisabled', message });
    return;
  }
  const { desired, reason } =
    outOfBounds(current, { minReplicas, maxReplicas: spec.maxReplicas }) ?? (await byMetrics(w, { scale, history }));
  if (desired === current) return;
  await rescale(w, { resource, scale, desired, reason });
  if (spec.behavior) history.changes.push({ added: desired - current, atMs: w.context.clock.now() });
}

function outOfBounds(current: number, { minReplicas, maxReplicas }: { minReplicas: number; maxReplicas: number }) {
  const reason = (what: string) => `Current number of replicas ${what}`;
  if (current > maxReplicas) return { desired: maxReplicas, reason: reason('above Spec.MaxReplicas') };
  if (current < minReplicas) return { desired: minReplicas, reason: reason('below Spec.MinReplicas') };
  return undefined;
}

async function readScale(w: Work): Promise<{ resource: Resource; scale: Scale }> {
  const { scaleTargetRef } = w.hpa.spec;
  const { apiVersion = 'v1', kind, name } = scaleTargetRef;
  try {
    const resource = w.scales.resourceOf({ apiVersion, kind });
    if (!resource)
      throw new Error(`no matches for kind ${JSON.stringify(kind)} in version ${JSON.stringify(apiVersion)}`);
    const scale = await w.scales.get(w.client, resource, { namespace: w.hpa.metadata.namespace, name });
    const message = "the HPA controller was able to get the target's current scale";
    w.findings.conditions.push({ type: 'AbleToScale', isTrue: true, reason: 'SucceededGetScale', message });
    return { resource, scale };
  } catch (error) {
    const why = (error as Error).message;
    const message = `the HPA controller was unable to get the target's current scale: ${why}`;
    w.findings.conditions.push({ type: 'AbleToScale', isTrue: false, reason: 'FailedGetScale', message });
    throw tell(w, 'FailedGetScale', why);
  }
}

async function byMetrics(w: Work, { scale, history }: { scale: Scale; history: History }) {
  const { hpa, findings, context } = w;
  const current = scale.spec.replicas ?? 0;
  const proposal = await highestProposal(w, scale);
  const direction = proposal.replicas > current ? `${proposal.name} above target` : 'All metrics below target';
  const nowMs = context.clock.now();
  const verdict = bounded(hpa.spec, { current, desired: proposal.replicas, nowMs }, history);
  history.recommendations.push({ replicas: proposal.replicas, atMs: nowMs });
  const ready = { reason: 'ReadyForNewScale', message: 'recommended size matches current size' };
  findings.conditions.push({ type: 'AbleToScale', isTrue: true, ...(verdict.stabilized ?? ready) });
  const { isLimited: isTrue, ...limit } = verdict.limit;
  findings.conditions.push({ type: 'ScalingLimited', isTrue, ...limit });
  findings.desiredReplicas = verdict.replicas;
  return { desired: verdict.replicas, reason: direction };
}

/** The metric that asks for most. One that fails holds back a scale-down, as it might have asked for more. */
async function highestProposal(w: Work, scale: Scale): Promise<MetricProposal> {
  const current = scale.spec.replicas ?? 0;
  const chosen = podsOf(w, scale);
  const { behavior, metrics = [] } = w.hpa.spec;
  const toleranceOf = (text: string | undefined) => (text === undefined ? defaultTolerance : milliValue(text) / 1000);
  const tolerances = {
    up: toleranceOf(behavior?.scaleUp?.tolerance),
    down: toleranceOf(behavior?.scaleDown?.tolerance),
  };
  const situation: Situation = {
    currentReplicas: current,
    pods: chosen.pods,
    tolerances,
    nowMs: w.context.clock.now(),
  };
  const query = { namespace: w.hpa.metadata.namespace ?? '', selector: chosen.selector };
  const failures: MetricError[] = [];
  const proposals: MetricProposal[] = [];
  const statuses: MetricStatus[] = [];
  for (const metric of metrics) {
    try {
      const proposal = await proposalOf(metric, { query, source: w.source, situation });
      proposals.push(proposal);
      statuses.push(proposal.status);
    } catch (error) {
      failures.push(error as MetricError);
      tell(
        w,
        (error as MetricError).reason,
        (error as MetricError).message.replace('the HPA was unable to compute the replica count: ', ''),
      );
    }
  }
  w.findings.metrics = statuses;
  const best = proposals.reduce<MetricProposal | undefined>(
    (a, b) => (a && a.replicas >= b.replicas ? a : b),
    undefined,
  );
  const [first] = failures;
  if (!best || (first && best.replicas < current)) {
    const { reason = 'InvalidMetricSourceType', message = 'no metrics' } = first ?? {};
    w.findings.conditions.push({ type: 'ScalingActive', isTrue: false, reason, message });
    const why = `invalid metrics (${failures.length} invalid out of ${metrics.length}), first error is: ${message.replace('the HPA was unable to compute the replica count: ', '')}`;
    throw tell(w, 'FailedComputeMetricsReplicas', why);
  }
  const message = `the HPA was able to successfully calculate a replica count from ${best.name}`;
  w.findings.conditions.push({ type: 'ScalingActive', isTrue: true, reason: 'ValidMetricFound', message });
  return best;
}

function podsOf(w: Work, scale: Scale): { selector: string; pods: Pod[] } {
  const { namespace } = w.hpa.metadata;
  const selector = scale.status?.selector ?? '';
  const refuse = (condition: string, event: string, message: string): Told => {
    w.findings.conditions.push({ type: 'ScalingActive', isTrue: false, reason: condition, message });
    return tell(w, event, message);
  };
  if (!selector) throw refuse('InvalidSelector', 'SelectorRequired', "the HPA target's scale is missing a selector");
  const matches = parseLabelSelector(selector);
  const selected = w.allPods.list(namespace).filter((pod) => matches(pod.metadata.labels ?? {}));
  const others = w.selections.rivals(keyText(keyOf(w.hpa)), { selector, pods: selected });
  if (others.length > 0) {
    const names = [keyText(keyOf(w.hpa)), ...others].sort().join(' ');
    throw refuse(
      'AmbiguousSelector',
      'AmbiguousSelector',
      `pods by selector ${selector} are controlled by multiple HPAs: [${names}]`,
    );
  }
  return { selector, pods: selected };
}

async function rescale(
  w: Work,
  { resource, scale, desired, reason }: { resource: Resource; scale: Scale; desired: number; reason: string },
): Promise<void> {
  try {
    await w.scales.set(w.client, resource, { ...scale, spec: { ...scale.spec, replicas: desired } });
  } catch (error) {
    const why = (error as Error).message;
    const message = `the HPA controller was unable to update the target scale: ${why}`;
    w.findings.conditions.push({ type: 'AbleToScale', isTrue: false, reason: 'FailedUpdateScale', message });
    w.findings.desiredReplicas = scale.spec.replicas;
    tell(w, 'FailedRescale', `New size: ${desired}; reason: ${reason}; error: ${why}`);
    if (isNotFound(error)) throw new Told(why);
    throw error;
  }
  const message = `the HPA controller was able to update the target scale to ${desired}`;
  w.findings.conditions.push({ type: 'AbleToScale', isTrue: true, reason: 'SucceededRescale', message });
  w.findings.desiredReplicas = desired;
  w.findings.isRescaled = true;
  w.context.recorder.event(about(w.hpa), 'Normal', 'SuccessfulRescale', `New size: ${desired}; reason: ${reason}`);
}

/** What each autoscaler selects: two for the same pods would pull in two directions. */
class Selections {
  readonly #selectors = new Map<string, string>();

  forget(key: string): void {
    this.#selectors.delete(key);
  }

  rivals(key: string, { selector, pods: selected }: { selector: string; pods: Pod[] }): string[] {
    this.#selectors.set(key, selector);
    const namespace = key.slice(0, key.indexOf('/') + 1);
    return [...this.#selectors].flatMap(([other, text]) => {
      if (other === key || !other.startsWith(namespace)) return [];
      const matches = parseLabelSelector(text);
      return selected.some((pod) => matches(pod.metadata.labels ?? {})) ? [other] : [];
    });
  }
}
