import { groupVersion, type KubeObject } from '../api/resource.ts';
import { typeOf } from '../api/schema/protobuf-decode.ts';
import { encodeList, encodeMessage, encodeMetadata, envelope } from '../api/schema/protobuf-encode.ts';
import type { Version } from '../store/version.ts';
import type { ApiContext } from './context.ts';
import type { Endpoint } from './endpoint.ts';

/** A stored object in protobuf; its message is made once while it is in use. */
export function protobufVersion(context: ApiContext, endpoint: Endpoint, version: Version): Buffer {
  return envelope(groupVersion(endpoint.kind), endpoint.kind.kind, context.objects.message(endpoint, version));
}

/** A list of stored objects in protobuf. */
export function protobufList(
  context: ApiContext,
  endpoint: Endpoint,
  { versions, metadata }: { versions: readonly Version[]; metadata: object },
): Buffer {
  const items = versions.map((version) => context.objects.message(endpoint, version));
  const { kind } = endpoint;
  return envelope(groupVersion(kind), kind.listKind ?? `${kind.kind}List`, encodeList(metadata, items));
}

/** Any object that names its kind: answers of subresources, Status, metadata alone. */
export function protobufObject(object: KubeObject): Buffer {
  const { kind = '', apiVersion = '' } = object;
  return envelope(apiVersion, kind, messageOf(object, { kind, apiVersion }));
}

function messageOf(object: KubeObject, { kind, apiVersion }: { kind: string; apiVersion: string }): Uint8Array {
  if (kind === 'PartialObjectMetadata') return encodeMetadata(object.metadata);
  if (kind === 'PartialObjectMetadataList') {
    const { items } = object as unknown as { items: KubeObject[] | null };
    return encodeList(
      object.metadata,
      (items ?? []).map((item) => encodeMetadata(item.metadata)),
    );
  }
  const type = typeOf(apiVersion, kind) ?? (kind === 'Status' ? typeOf('meta.k8s.io/v1', kind) : undefined);
  if (!type) throw new Error(`${apiVersion} ${kind} has no protobuf form`);
  return encodeMessage(type, object);
}
