import { replicationcontrollers } from '../../api/generated/resources.ts';
import type { ReplicaSet, ReplicationController } from '../../api/generated/types.ts';
import { defineReplicas } from '../replicaset/replicas.ts';

/** The older ReplicaSet, with a plain map of labels to select by. */
export const replicationControllerReplicas = defineReplicas<ReplicationController>({
  name: 'replicationcontroller.replicas',
  serviceAccount: 'replication-controller',
  eventSource: 'replication-controller',
  resource: replicationcontrollers,
  viewOf: (controller) =>
    ({
      ...controller,
      spec: { ...controller.spec, selector: { matchLabels: controller.spec?.selector } },
    }) as ReplicaSet,
  without: ['terminatingReplicas'],
});
