import type { Pod, PodDisruptionBudget } from '../../api/generated/types.ts';
import { poddisruptionbudgets } from '../../api/generated/resources.ts';
import { matchesLabelSelector } from '../../api/meta/label-selector.ts';
import { StatusError } from '../../api/meta/status-error.ts';
import { type ApiContext, timestamp } from '../context.ts';
import type { ApiRequest } from '../request.ts';
import { modify } from './update.ts';
import { cloneJson } from '../../api/meta/json.ts';

/** Evictions that the controller has not seen yet; more at once are refused. */
const maxDisrupted = 2000;

/** Takes one disruption off the budget of a pod, or rejects with 429 when there is none left. */
export async function spendBudget(
  context: ApiContext,
  request: ApiRequest,
  { pod, isDryRun }: { pod: Pod; isDryRun: boolean },
): Promise<void> {
  const budgets = context.read
    .list<PodDisruptionBudget>(poddisruptionbudgets, request.namespace)
    .filter((budget) => matchesLabelSelector(budget.spec.selector, pod.metadata.labels ?? {}));
  const [budget, second] = budgets;
  if (!budget) return;
  if (second) {
    throw plain('This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.');
  }
  if (!isReady(pod) && isFreeWhenUnready(budget)) return;
  if (isDryRun) {
    spent(budget, { pod, now: '' });
    return;
  }
  const endpoint = context.registry.find('policy', 'v1', 'poddisruptionbudgets');
  if (!endpoint) return;
  const spend: ApiRequest = {
    ...request,
    verb: 'patch',
    endpoint,
    name: budget.metadata.name,
    subresource: 'status',
    body: undefined,
  };
  await modify(context, spend, ({ object }) =>
    spent(object as PodDisruptionBudget, { pod, now: timestamp(context.clock.now()) }),
  );
}

const isReady = (pod: Pod): boolean => pod.status.conditions?.find((c) => c.type === 'Ready')?.status === 'True';

/** A pod that serves nobody may go where the budget says so, or where the others are enough (KEP-3017). */
function isFreeWhenUnready({ spec, status }: PodDisruptionBudget): boolean {
  if (spec.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true;
  const { currentHealthy = 0, desiredHealthy = 0 } = status;
  return desiredHealthy > 0 && currentHealthy >= desiredHealthy;
}

/** The budget with one disruption less. Throws when it allows none. */
function spent(old: PodDisruptionBudget, { pod, now }: { pod: Pod; now: string }): PodDisruptionBudget {
  const { metadata, status } = old;
  const { disruptionsAllowed = 0, disruptedPods = {}, desiredHealthy = 0, currentHealthy = 0 } = status;
  const { name } = metadata;
  if ((status.observedGeneration ?? 0) < (metadata.generation ?? 0)) {
    throw tooMany(`The disruption budget ${name} is still being processed by the server.`, 10);
  }
  if (Object.keys(disruptedPods).length > maxDisrupted) {
    throw StatusError.of(
      'Forbidden',
      `poddisruptionbudgets.policy "${name}" is forbidden: DisruptedPods map too big - too many evictions not confirmed by PDB controller`,
    );
  }
  if (disruptionsAllowed <= 0) {
    throw tooMany(
      `The disruption budget ${name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`,
      0,
    );
  }
  const conditions = disruptionsAllowed === 1 ? withoutDisruptions(old, now) : status.conditions;
  return {
    ...cloneJson(old),
    status: {
      ...status,
      disruptionsAllowed: disruptionsAllowed - 1,
      disruptedPods: { ...disruptedPods, [pod.metadata.name]: now },
      conditions,
    },
  };
}

function withoutDisruptions({ metadata, status }: PodDisruptionBudget, now: string) {
  const others = status.conditions?.filter((c) => c.type !== 'DisruptionAllowed') ?? [];
  const text = { status: 'False' as const, reason: 'InsufficientPods', message: '' };
  const { generation: observedGeneration } = metadata;
  return [...others, { type: 'DisruptionAllowed', ...text, observedGeneration, lastTransitionTime: now }];
}

const tooMany = (message: string, retryAfterSeconds: number): StatusError =>
  StatusError.of('TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget.", {
    causes: [{ reason: 'DisruptionBudget', message }],
    ...(retryAfterSeconds > 0 ? { retryAfterSeconds } : {}),
  });

const plain = (message: string): StatusError =>
  new StatusError({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, code: 500 });
