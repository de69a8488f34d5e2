import type { Eviction, Pod } from '../../api/generated/types.ts';
import { badRequest, notFound } from '../../api/meta/status-error.ts';
import { schema } from '../../api/schema/schema.ts';
import { type ApiContext, timestamp } from '../context.ts';
import { type Answer, type ApiRequest, storeKey } from '../request.ts';
import { deleteObject } from './delete.ts';
import { spendBudget } from './disruption-budget.ts';
import { checkWriteOptions, decodeAs } from './request-body.ts';
import { modify } from './update.ts';
import { cloneJson } from '../../api/meta/json.ts';

/** POST pods/NAME/eviction: a deletion that a disruption budget may refuse (policy/v1 Eviction). */
export async function evict(context: ApiContext, request: ApiRequest): Promise<Answer> {
  const eviction = decodeAs<Eviction>(request, codec, { group: 'policy', version: 'v1', kind: 'Eviction' });
  const dryRun = dryRunOf(request, eviction);
  if (eviction.metadata.name && eviction.metadata.name !== request.name) {
    throw badRequest('name in URL does not match name in Eviction object');
  }
  const version = context.store.head('pods', storeKey(request));
  if (!version) throw notFound(request.endpoint.kind, request.name);
  const pod = context.objects.read<Pod>(version);
  const isDryRun = dryRun.length > 0;
  if (isBudgeted(pod)) await spendBudget(context, request, { pod, isDryRun });
  if (!isDryRun && !pod.metadata.deletionTimestamp) await markDisrupted(context, request);
  const options = { ...request, verb: 'delete' as const, subresource: '', body: { ...eviction.deleteOptions, dryRun } };
  await deleteObject(context, options);
  return {
    type: 'object',
    code: 201,
    object: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 },
  };
}

const codec = schema.codecFor('io.k8s.api.policy.v1.Eviction');

/** A dry run may be asked for in the query or in the body; where both say something, it must be the same. */
function dryRunOf(request: ApiRequest, { deleteOptions }: Eviction): string[] {
  checkWriteOptions(request);
  const asked = request.query.getAll('dryRun');
  const inBody = deleteOptions?.dryRun ?? [];
  if (asked.length > 0 && inBody.length > 0 && asked.join() !== inBody.join()) {
    const shown = (options: string[]) => `[${options.join(' ')}]`;
    throw badRequest(`Non-matching dry-run options in request and content: ${shown(asked)} and ${shown(inBody)}`);
  }
  return asked.length > 0 ? asked : inBody;
}

/** Pods that have ended, have not begun or are going anyway cost no budget. */
const isBudgeted = ({ status, metadata }: Pod): boolean =>
  (status.phase === 'Running' || status.phase === 'Unknown') && !metadata.deletionTimestamp;

/** Those who look at the pod later learn why it ended (KEP-3329). */
async function markDisrupted(context: ApiContext, request: ApiRequest): Promise<void> {
  const mark: ApiRequest = { ...request, verb: 'patch', subresource: 'status', body: undefined };
  await modify(context, mark, ({ object }) => {
    const pod = cloneJson(object) as Pod;
    const others = pod.status.conditions?.filter((c) => c.type !== 'DisruptionTarget') ?? [];
    const condition = {
      type: 'DisruptionTarget',
      status: 'True' as const,
      observedGeneration: pod.metadata.generation,
      lastTransitionTime: timestamp(context.clock.now()),
      reason: 'EvictionByEvictionAPI',
      message: 'Eviction API: evicting',
    };
    pod.status.conditions = [...others, condition];
    return pod;
  });
}
