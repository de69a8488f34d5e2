import { pods, resourceclaims, resourceclaimtemplates } from '../../api/generated/resources.ts';
import type {
  Pod,
  PodResourceClaim,
  PodResourceClaimStatus,
  ResourceClaimTemplate,
  ResourceResourceClaim,
} from '../../api/generated/types.ts';
import { isNotFound } from '../../api/meta/status-error.ts';
import { keyOf, keyText, type Manifest } from '../../api/resource.ts';
import type { Client } from '../../client/client.ts';
import { extendedClaimAnnotation } from '../../placement/devices/extended-claims.ts';
import { controllerKeys, controllerOf, controllerReference, indexByController } from '../ownership.ts';
import { defineController, done, watch } from '../runtime.ts';
import { sameJson } from '../same-json.ts';
import { isOver } from './reservation.ts';

const podClaimName = 'resource.kubernetes.io/pod-claim-name';

/** Makes the device claims that pods have from templates, and writes their names into the pods' status (KEP-4381). */
export const resourceClaimPodClaims = defineController({
  name: 'resourceclaim.pod-claims',
  serviceAccount: 'resource-claim-controller',
  eventSource: 'resource_claim',
  setup(context) {
    const allPods = context.informer(pods);
    const templates = context.informer(resourceclaimtemplates);
    const claims = context.informer(resourceclaims);
    indexByController(claims);
    allPods.addIndex('claimTemplate', templateKeysOf);
    return {
      watches: [
        watch(allPods, (pod) => (pod.spec.resourceClaims?.length ? [keyText(keyOf(pod))] : [])),
        watch(claims, controllerKeys(pods)),
        watch(templates, (template) =>
          allPods.index('claimTemplate', keyText(keyOf(template))).map((pod) => keyText(keyOf(pod))),
        ),
      ],
      async reconcile(key, client) {
        const pod = allPods.get(key);
        if (!pod || isOver(pod) || pod.metadata.deletionTimestamp) return done;
        const own = claims.index('controller', pod.metadata.uid ?? '');
        const statuses: PodResourceClaimStatus[] = [];
        for (const wanted of pod.spec.resourceClaims ?? []) {
          if (!wanted.resourceClaimTemplateName) continue;
          const claim = own.find((o) => o.metadata.annotations?.[podClaimName] === wanted.name);
          const name = claim?.metadata.name ?? (await make(client, pod, wanted)).metadata.name;
          statuses.push({ name: wanted.name, resourceClaimName: name });
        }
        if (sameJson(statuses, pod.status?.resourceClaimStatuses ?? [])) return done;
        await tell(client, pod, statuses);
        return done;
      },
    };

    async function make(client: Client, pod: Pod, wanted: PodResourceClaim): Promise<ResourceResourceClaim> {
      const name = wanted.resourceClaimTemplateName ?? '';
      const template = templates.get({ namespace: pod.metadata.namespace, name });
      if (!template) {
        const message = `PodResourceClaim ${wanted.name}: resource claim template "${name}": resourceclaimtemplate.resource.k8s.io "${name}" not found`;
        context.recorder.event(
          { ...pod, kind: 'Pod', apiVersion: 'v1' },
          'Warning',
          'FailedResourceClaimCreation',
          message,
        );
        throw new Error(message);
      }
      return client.create(resourceclaims, claimFrom(template, pod, wanted.name));
    }
  },
});

async function tell(client: Client, pod: Pod, resourceClaimStatuses: PodResourceClaimStatus[]): Promise<void> {
  const body = { metadata: { uid: pod.metadata.uid }, status: { resourceClaimStatuses } };
  try {
    await client.patch(pods, keyOf(pod), { type: 'merge', body }, { subresource: 'status' });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

const templateKeysOf = (pod: Pod): string[] =>
  (pod.spec.resourceClaims ?? []).flatMap(({ resourceClaimTemplateName: name }) =>
    name ? [keyText({ namespace: pod.metadata.namespace, name })] : [],
  );

function claimFrom({ spec }: ResourceClaimTemplate, pod: Pod, name: string): Manifest<ResourceResourceClaim> {
  return {
    metadata: {
      generateName: `${pod.metadata.name}-${name}-`,
      namespace: pod.metadata.namespace,
      labels: spec.metadata?.labels,
      annotations: { ...spec.metadata?.annotations, [podClaimName]: name },
      ownerReferences: [controllerReference(pods, pod)],
    },
    spec: spec.spec,
  } as Manifest<ResourceResourceClaim>;
}

/** Whether the claim was made for a pod here. */
export const isMadeForPod = (claim: ResourceResourceClaim): boolean =>
  controllerOf(claim)?.kind === 'Pod' &&
  [podClaimName, extendedClaimAnnotation].some((name) => claim.metadata.annotations?.[name] !== undefined);
