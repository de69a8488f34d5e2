import { pods } from '../api/generated/resources.ts';
import type { Pod } from '../api/generated/types.ts';
import { isNotFound } from '../api/meta/status-error.ts';
import { type KubeObject, keyOf, type Manifest } from '../api/resource.ts';
import type { Client } from '../client/client.ts';
import type { EventRecorder } from '../client/event-recorder.ts';
import { isNamespaceGoing } from './namespace-going.ts';
import { slowStart } from './slow-start.ts';

/** With what pods are made and deleted, and about whom events are. */
export interface PodHands {
  client: Client;
  recorder: EventRecorder;
  /** With kind and apiVersion. */
  about: KubeObject;
}

/** Makes the pods in growing batches and says so. Rejects after the first batch with a failure. */
export async function createPods({ client, recorder, about }: PodHands, manifests: Manifest<Pod>[]): Promise<void> {
  const left = manifests.values();
  await slowStart(manifests.length, async () => {
    try {
      const pod = await client.create(pods, left.next().value as Manifest<Pod>);
      recorder.event(about, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`);
    } catch (error) {
      // A namespace that is going takes its controllers along: no reason to try again or to complain.
      if (isNamespaceGoing(error)) return;
      recorder.event(about, 'Warning', 'FailedCreate', `Error creating: ${(error as Error).message}`);
      throw error;
    }
  });
}

/** Deletes all pods, then rejects with the first failure. */
export async function deletePods({ client, recorder, about }: PodHands, victims: Pod[]): Promise<void> {
  const results = await Promise.allSettled(
    victims.map(async (pod) => {
      try {
        await client.delete(pods, keyOf(pod), { preconditions: { uid: pod.metadata.uid } });
        recorder.event(about, 'Normal', 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`);
      } catch (error) {
        if (isNotFound(error)) return;
        recorder.event(about, 'Warning', 'FailedDelete', `Error deleting: ${(error as Error).message}`);
        throw error;
      }
    }),
  );
  const failed = results.find((r) => r.status === 'rejected');
  if (failed) throw failed.reason;
}
