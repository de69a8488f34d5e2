import type { Binding, Pod } from '../../api/generated/types.ts';
import { conflict, StatusError } from '../../api/meta/status-error.ts';
import { schema } from '../../api/schema/schema.ts';
import { type ApiContext, timestamp } from '../context.ts';
import type { Endpoint } from '../endpoint.ts';
import type { Answer, ApiRequest } from '../request.ts';
import { decodeAs } from './request-body.ts';
import { modify } from './update.ts';

/** POST pods/NAME/binding: gives a pod its node, once. */
export async function bind(context: ApiContext, request: ApiRequest): Promise<Answer> {
  const binding = decodeAs<Binding>(request, codec, { group: '', version: 'v1', kind: 'Binding' });
  const name = request.name || binding?.metadata?.name;
  const node = target(binding);
  const pods = context.registry.find('', 'v1', 'pods') as Endpoint;
  const write: ApiRequest = { ...request, endpoint: pods, verb: 'patch', name, subresource: 'binding' };
  await modify(context, write, ({ object }) => {
    const { metadata, spec, status } = object as Pod;
    // Only what is assigned below is the writer's own; the rest stays shared with the version before.
    const pod = { ...object, metadata: { ...metadata }, spec: { ...spec }, status: { ...status } } as Pod;
    const refuse = (why: string) => conflict({ group: '', resource: 'pods/binding' }, name, why);
    if (binding.metadata?.uid && binding.metadata.uid !== pod.metadata.uid) {
      throw refuse(
        `Precondition failed: UID in precondition: ${binding.metadata.uid}, UID in object meta: ${pod.metadata.uid}`,
      );
    }
    if (pod.metadata.deletionTimestamp) throw refuse(`pod ${name} is being deleted, cannot be assigned to a host`);
    if (pod.spec.nodeName) throw refuse(`pod ${name} is already assigned to node "${pod.spec.nodeName}"`);
    if ((pod.spec.schedulingGates ?? []).length > 0) throw refuse(`pod ${name} has non-empty .spec.schedulingGates`);
    assign(pod, binding, { node, now: timestamp(context.clock.now()) });
    return pod;
  });
  return {
    type: 'object',
    code: 201,
    object: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 },
  };
}

const codec = schema.codecFor('io.k8s.api.core.v1.Binding');

function target(binding: Binding): string {
  const kind = binding?.target?.kind ?? '';
  if (kind !== '' && kind !== 'Node') {
    throw plain(`target.kind: Unsupported value: "${kind}": supported values: "Node", "<empty>"`);
  }
  if (!binding?.target?.name) throw plain('target.name: Required value');
  return binding.target.name;
}

/** Kubernetes answers these with 500 and no reason. */
const plain = (message: string): StatusError =>
  new StatusError({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, code: 500 });

function assign(pod: Pod, binding: Binding, { node, now }: { node: string; now: string }): void {
  pod.spec.nodeName = node;
  // The promise is kept (ClearingNominatedNodeNameAfterBinding, KEP-5278).
  delete pod.status.nominatedNodeName;
  const { annotations, labels } = binding.metadata ?? {};
  if (annotations) pod.metadata.annotations = { ...pod.metadata.annotations, ...annotations };
  if (labels) pod.metadata.labels = { ...pod.metadata.labels, ...labels };
  const conditions = (pod.status.conditions ?? []).filter((condition) => condition.type !== 'PodScheduled');
  const before = pod.status.conditions?.find((condition) => condition.type === 'PodScheduled');
  const lastTransitionTime = before?.status === 'True' ? before.lastTransitionTime : now;
  pod.status.conditions = [...conditions, { type: 'PodScheduled', status: 'True', lastTransitionTime }];
}
