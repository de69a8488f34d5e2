import { createHash } from 'node:crypto';
import { builtInType } from '../../api/built-in-type.ts';
import { pod as strategy } from '../../api/core/pod.ts';
import { servedKinds } from '../../api/generated/kinds.ts';
import type { Kind } from '../../api/kind.ts';
import type { Pod } from '../../api/generated/types.ts';
import { apiReferenceOf } from './api-references.ts';
import { hashAnnotation, seenAnnotation, sourceAnnotation } from './annotations.ts';

export interface ManifestContext {
  /** Where it was found. */
  file: string;
  nodeName: string;
  nowMs: number;
}

const kind = servedKinds.find(
  ({ group, version, resource }) => group === '' && version === 'v1' && resource === 'pods',
);
const type = builtInType(kind as Kind, strategy);

/**
 * The pod of a manifest as the node runs it: with the API's defaults, bound to this node, known by what the file says. Another
 * text is another pod. Throws in words for what is no pod, and for one that names other objects of the API.
 */
export function staticPodOf(manifest: unknown, { file, nodeName, nowMs }: ManifestContext): Pod {
  const { kind: given, apiVersion } = (manifest ?? {}) as { kind?: string; apiVersion?: string };
  if (given !== 'Pod' || apiVersion !== 'v1') throw new Error(`${file}: it must be a Pod of v1`);
  const { object, unknown } = type.decode(manifest);
  if (unknown.length > 0) throw new Error(`${file}: unknown field ${JSON.stringify(unknown[0])}`);
  if (!object.metadata?.name) throw new Error(`${file}: metadata.name is missing`);
  const pod = type.defaults(object) as Pod;
  const reference = apiReferenceOf(pod);
  if (reference) throw new Error(`${file}: static pods may not reference ${reference}`);
  const text = JSON.stringify([nodeName, file, manifest]);
  const hash = createHash('md5').update(text).digest('hex');
  const { name, namespace = 'default', annotations, labels } = pod.metadata;
  const tolerations = [...(pod.spec.tolerations ?? []), { operator: 'Exists' as const, effect: 'NoExecute' as const }];
  const found = { [hashAnnotation]: hash, [seenAnnotation]: new Date(nowMs).toISOString(), [sourceAnnotation]: 'file' };
  return {
    ...pod,
    metadata: {
      name: `${name}-${nodeName}`,
      namespace,
      uid: hash,
      ...(labels ? { labels } : {}),
      annotations: { ...annotations, ...found },
      creationTimestamp: new Date(nowMs).toISOString().replace(/\.\d+Z$/, 'Z'),
    },
    spec: { ...pod.spec, nodeName, tolerations },
    status: {},
  };
}
