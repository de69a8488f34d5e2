import { horizontalPodAutoscalerV1 } from './autoscaling/v1.ts';
import { sameWords, type VersionConversion } from './conversion.ts';
import { endpointSliceV1beta1 } from './discovery/endpoint-slice-v1beta1.ts';
import { eventsV1 } from './events/v1.ts';
import type { Kind } from './kind.ts';
import { ingressV1beta1 } from './networking/ingress-v1beta1.ts';
import { groupVersion, type KubeObject } from './resource.ts';
import { resourceClaimTemplateV1beta1, resourceClaimV1beta1, resourceSliceV1beta1 } from './resource/v1beta1.ts';
import { schema } from './schema/schema.ts';

/**
 * The versions that have words of their own for what is stored, by `group/version/resource`. A new one is one file with the
 * two functions, and one line here; a version whose type is the stored one's needs nothing.
 */
const conversions: Record<string, VersionConversion> = {
  'autoscaling/v1/horizontalpodautoscalers': horizontalPodAutoscalerV1,
  'discovery.k8s.io/v1beta1/endpointslices': endpointSliceV1beta1,
  'events.k8s.io/v1/events': eventsV1,
  'events.k8s.io/v1beta1/events': eventsV1,
  'extensions/v1beta1/ingresses': ingressV1beta1,
  'networking.k8s.io/v1beta1/ingresses': ingressV1beta1,
  'resource.k8s.io/v1beta1/resourceclaims': resourceClaimV1beta1,
  'resource.k8s.io/v1beta1/resourceclaimtemplates': resourceClaimTemplateV1beta1,
  'resource.k8s.io/v1beta1/resourceslices': resourceSliceV1beta1,
};

/** How a version becomes the stored one and back; undefined where we have no words for it. */
export function conversionOf(kind: Kind): VersionConversion | undefined {
  const listed = conversions[`${groupVersion(kind)}/${kind.resource}`];
  return listed ?? (schema.type(kind.type)?.same ? sameWords : undefined);
}

/** An object in another version of its kind, not yet in that version's normal form. */
export function inVersion(object: KubeObject, from: Kind, to: Kind): KubeObject {
  const stored = (conversionOf(from) ?? sameWords).toStored(object);
  return { ...(conversionOf(to) ?? sameWords).fromStored(stored), kind: to.kind, apiVersion: groupVersion(to) };
}
