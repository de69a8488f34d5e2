import type { Eviction, Pod, PodDisruptionBudget } from '../../api/generated/types.ts';
import { poddisruptionbudgets } from '../../api/generated/resources.ts';
import { matchesLabelSelector } from '../../api/meta/label-selector.ts';
import { badRequest, notFound, StatusError } from '../../api/meta/status-error.ts';
import type { ApiContext } from '../context.ts';
import { type Answer, type ApiRequest, storeKey } from '../request.ts';
import { deleteObject } from './delete.ts';
import { modify } from './update.ts';

/** POST pods/NAME/eviction: a deletion that a disruption budget may refuse (policy/v1 Eviction). */
export async function evict(context: ApiContext, request: ApiRequest): Promise<Answer> {
  const eviction = request.body as Eviction;
  if (eviction?.metadata?.name && eviction.metadata.name !== request.name) {
    throw badRequest('name in URL does not match name in Eviction object');
  }
  const version = context.store.head('pods', storeKey(request));
  if (!version) throw notFound(request.endpoint.kind, request.name);
  const pod = context.objects.read<Pod>(version);
  const budgeted = isRunning(pod) && !pod.metadata.deletionTimestamp;
  if (budgeted) await spendBudget(context, request, pod);
  const options = { ...request, verb: 'delete' as const, subresource: '', body: eviction?.deleteOptions };
  await deleteObject(context, options);
  return {
    type: 'object',
    code: 201,
    object: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 },
  };
}

/** Pods that have ended, or have not begun, cost no budget. */
const isRunning = (pod: Pod): boolean => pod.status.phase === 'Running' || pod.status.phase === 'Unknown';

async function spendBudget(context: ApiContext, request: ApiRequest, pod: Pod): Promise<void> {
  const budgets = context.read
    .list<PodDisruptionBudget>(poddisruptionbudgets, request.namespace)
    .filter((budget) => matchesLabelSelector(budget.spec.selector, pod.metadata.labels ?? {}));
  const [budget, second] = budgets;
  if (!budget) return;
  if (second) {
    throw plain('This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.');
  }
  const endpoint = context.registry.find('policy', 'v1', 'poddisruptionbudgets');
  if (!endpoint) return;
  const spend: ApiRequest = { ...request, verb: 'patch', endpoint, name: budget.metadata.name, subresource: 'status' };
  await modify(context, spend, ({ object }) => {
    const current = structuredClone(object) as PodDisruptionBudget;
    const allowed = current.status.disruptionsAllowed ?? 0;
    if (allowed <= 0 || (current.status.observedGeneration ?? 0) < (current.metadata.generation ?? 0)) {
      throw tooMany(current);
    }
    current.status.disruptionsAllowed = allowed - 1;
    current.status.disruptedPods = {
      ...current.status.disruptedPods,
      [pod.metadata.name]: new Date(context.clock.now()).toISOString().replace(/\.\d+Z$/, 'Z'),
    };
    return current;
  });
}

function tooMany(budget: PodDisruptionBudget): StatusError {
  const { desiredHealthy = 0, currentHealthy = 0 } = budget.status;
  return StatusError.of('TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget.", {
    causes: [
      {
        reason: 'DisruptionBudget',
        message: `The disruption budget ${budget.metadata.name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`,
      },
    ],
  });
}

const plain = (message: string): StatusError =>
  new StatusError({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, code: 500 });
