import type { ObjectMeta } from '../generated/types.ts';
import type { KubeObject } from '../resource.ts';
import { difference, type FieldSet } from './field-set.ts';
import { compare } from './fields/compare.ts';
import { fieldsOf } from './fields/members.ts';
import type { Shape } from './fields/shape.ts';
import { isJsonObject, sortedMembers } from './json.ts';

/** Where client-side apply keeps what it applied last. */
const annotation = 'kubectl.kubernetes.io/last-applied-configuration';

/** All annotations of an object together, names and values. */
const maxAnnotationBytes = 256 * 1024;

type Meta = Omit<ObjectMeta, 'managedFields'>;

/** What client-side apply has set and is still so: its own manager may take that over without a conflict. */
export function agreedFields(shape: Shape, live: KubeObject, apiVersion: string): FieldSet | undefined {
  const text = live.metadata.annotations?.[annotation];
  const config = text ? parse(text) : undefined;
  if (!isJsonObject(config) || config.apiVersion !== apiVersion) return undefined;
  const { changed, removed } = compare(shape, config, live);
  return difference(difference(fieldsOf(shape, config), changed), removed);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Anybody can write annotations; one that is no JSON says nothing.
    return undefined;
  }
}

/** Keeps the annotation of client-side apply, where there is one, at what is applied now. */
export function withLastApplied<M extends Meta>(metadata: M, config: KubeObject): M {
  if (!metadata.annotations?.[annotation]) return metadata;
  const { [annotation]: _, ...others } = metadata.annotations;
  const { [annotation]: __, ...own } = config.metadata.annotations ?? {};
  const shown = { ...config, metadata: { ...config.metadata, annotations: own, managedFields: undefined } };
  const value = `${JSON.stringify(sortedMembers(shown))}\n`;
  const bytes = Object.entries(others).reduce((sum, [k, v]) => sum + Buffer.byteLength(k) + Buffer.byteLength(v), 0);
  const fits = bytes + Buffer.byteLength(annotation) + Buffer.byteLength(value) <= maxAnnotationBytes;
  return { ...metadata, annotations: fits ? { ...others, [annotation]: value } : others };
}
