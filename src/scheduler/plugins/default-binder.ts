import { pods } from '../../api/generated/resources.ts';
import type { Binding } from '../../api/generated/types.ts';
import { keyOf } from '../../api/resource.ts';
import type { SchedulerPlugin } from '../plugin.ts';

/** Writes the pod's node by its binding subresource. */
export const defaultBinder: SchedulerPlugin = {
  name: 'DefaultBinder',
  async bind({ pod, node }, { client }) {
    const { name, namespace, uid } = pod.metadata;
    const binding: Binding = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name, namespace, uid },
      target: { kind: 'Node', name: node },
    };
    await client.createSubresource(pods, keyOf(pod), 'binding', binding);
  },
};
