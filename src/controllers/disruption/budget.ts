import {
  deployments,
  poddisruptionbudgets,
  pods,
  replicasets,
  replicationcontrollers,
  statefulsets,
} from '../../api/generated/resources.ts';
import type { Pod, PodDisruptionBudget } from '../../api/generated/types.ts';
import { formatLabelSelector } from '../../api/meta/label-selector.ts';
import { isNotFound } from '../../api/meta/status-error.ts';
import { groupVersion, type KubeObject, keyOf, keyText } from '../../api/resource.ts';
import type { Client } from '../../client/client.ts';
import { matchesSelector } from '../label-match.ts';
import { type ControllerContext, defineController, done, inBatches, requeueAfter, watch } from '../runtime.ts';
import { sameJson } from '../same-json.ts';
import { budgetStatus, disruptedPods, failedStatus, needsScale } from './budget-plan.ts';
import { ExpectedScale } from './expected-scale.ts';

/** Tells how many pods of each PodDisruptionBudget may be evicted now. */
export const disruptionBudget = defineController({
  name: 'disruption.budget',
  serviceAccount: 'disruption-controller',
  eventSource: 'controllermanager',
  setup(context) {
    const { clock } = context;
    const all = context.informer(poddisruptionbudgets);
    const allPods = context.informer(pods);
    const scales = new ExpectedScale(context);
    const keysIn = (namespace: string | undefined) => all.list(namespace).map((b) => keyText(keyOf(b)));
    const keysOfPod = ({ metadata: { namespace, labels } }: Pod) =>
      all
        .list(namespace)
        .filter((b) => matchesSelector(b.spec.selector, labels))
        .map((b) => keyText(keyOf(b)));
    const owners = [deployments, replicasets, statefulsets, replicationcontrollers].map((resource) =>
      watch<KubeObject>(
        context.informer<KubeObject>(resource),
        (owner) => keysIn(owner.metadata.namespace),
        (old, owner) => old.metadata.generation !== owner.metadata.generation,
      ),
    );

    const expectedBy = (key: string): number => all.get(key)?.status?.expectedPods ?? 0;

    return {
      watches: [watch(all, (b) => [keyText(keyOf(b))]), inBatches(watch(allPods, keysOfPod), expectedBy), ...owners],
      async reconcile(key, client) {
        const budget = all.get(key);
        if (!budget || budget.metadata.deletionTimestamp) return done;
        const { namespace } = budget.metadata;
        const matching = allPods
          .list(namespace)
          .filter((pod) => matchesSelector(budget.spec.selector, pod.metadata.labels));
        const nowMs = clock.now();
        const scale = await scales.of(client, budget, matching).catch((error: unknown) => error as Error);
        if (scale instanceof Error) {
          tell(
            context,
            budget,
            'CalculateExpectedPodCountFailed',
            `Failed to calculate the number of expected pods: ${scale.message}`,
          );
          await writeStatus(client, budget, failedStatus(budget, scale.message, nowMs));
          throw scale;
        }
        tellOf(context, budget, { matching, unmanaged: scale.unmanaged });
        const { pending, overdue, recheckMs } = disruptedPods(budget, matching, nowMs);
        for (const pod of overdue) {
          const message = `Pod was expected by PDB ${namespace}/${budget.metadata.name} to be deleted but it wasn't`;
          context.recorder.event({ ...pod, kind: 'Pod', apiVersion: 'v1' }, 'Warning', 'NotDeleted', message);
        }
        const expected = { scale: scale.count, pods: matching };
        await writeStatus(client, budget, budgetStatus(budget, expected, { pending, nowMs }));
        return recheckMs === undefined ? done : requeueAfter(recheckMs);
      },
    };
  },
});

const about = (b: PodDisruptionBudget) => ({
  ...b,
  kind: 'PodDisruptionBudget',
  apiVersion: groupVersion(poddisruptionbudgets),
});

const tell = ({ recorder }: ControllerContext, budget: PodDisruptionBudget, reason: string, message: string): void =>
  recorder.event(about(budget), 'Warning', reason, message);

function tellOf(
  context: ControllerContext,
  budget: PodDisruptionBudget,
  { matching, unmanaged }: { matching: Pod[]; unmanaged: number },
): void {
  if (matching.length === 0) context.recorder.event(about(budget), 'Normal', 'NoPods', 'No matching pods found');
  if (unmanaged === 0 || !needsScale(budget)) return;
  const selector = formatLabelSelector(budget.spec.selector);
  const message = `Pods selected by this PodDisruptionBudget (selector: ${selector}) were found to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.`;
  tell(context, budget, 'UnmanagedPods', message);
}

async function writeStatus(
  client: Client,
  budget: PodDisruptionBudget,
  status: PodDisruptionBudget['status'],
): Promise<void> {
  if (sameJson(status, budget.status)) return;
  try {
    await client.update(poddisruptionbudgets, { ...budget, status }, { subresource: 'status' });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
