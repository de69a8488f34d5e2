import { nodes } from '../../api/generated/resources.ts';
import type { Pod } from '../../api/generated/types.ts';
import type { StatusError } from '../../api/meta/status-error.ts';
import { parseQuantity } from '../../api/meta/quantity.ts';
import { podRequests } from '../../placement/pod-requests.ts';
import { type AdmissionContext, definePlugin, refused } from './plugin.ts';

/** A pod does not grow beyond what its node could ever give it. */
export const podResizeValidator = definePlugin<Pod>({
  name: 'PodResizeValidator',
  verbs: ['update'],
  resources: ['pods/resize'],
  validate(context) {
    const pod = context.object as Pod;
    const { nodeName } = pod.spec;
    if (!nodeName || pod.metadata.generation === context.old?.metadata.generation) return;
    const node = context.read.get(nodes, '', nodeName);
    if (!node) throw refused(context, `node ${JSON.stringify(nodeName)} not found`);
    const system = node.metadata.labels?.['kubernetes.io/os'] ?? 'linux';
    if (system !== 'linux') {
      const text = `pod resize is only supported on linux nodes, node ${JSON.stringify(nodeName)} is ${JSON.stringify(system)}`;
      throw because(context, text, 'UnsupportedPlatform');
    }
    const { cpu = '0', memory = '0' } = node.status?.allocatable ?? {};
    const there = { cpu: amount(cpu, 1000), memory: amount(memory, 1) };
    const asked = podRequests(pod.spec);
    const beyond = (['cpu', 'memory'] as const)
      .filter((name) => (asked[name] ?? 0) > there[name])
      .map((name) => `${name}, requested: ${asked[name]}, allocatable: ${there[name]}`);
    if (beyond.length === 0) return;
    throw because(context, `node didn't have enough allocatable resources: ${beyond.join('; ')}`, 'NodeCapacity');
  },
});

/** In whole parts of a unit, as Go rounds them: up. */
const amount = (quantity: string, parts: number): number =>
  Math.ceil(Number(parseQuantity(quantity).nanos) / (1e9 / parts));

function because(context: AdmissionContext, text: string, reason: string): StatusError {
  const error = refused(context, text);
  error.status.details = { ...error.status.details, causes: [{ reason: reason as never }] };
  return error;
}
