import { StatusError } from '../api/meta/status-error.ts';
import { parseAccept } from './discovery/accept.ts';

/** How an answer is to be written. */
export interface Encoding {
  format: 'json' | 'yaml';
  /** `Table` or `PartialObjectMetadata(List)` of meta.k8s.io instead of the objects themselves. */
  as?: 'Table' | 'PartialObjectMetadata' | 'PartialObjectMetadataList';
  version: 'v1' | 'v1beta1';
}

const formats: Record<string, 'json' | 'yaml'> = {
  'application/json': 'json',
  'application/yaml': 'yaml',
  '*/*': 'json',
};
const transforms = new Set(['Table', 'PartialObjectMetadata', 'PartialObjectMetadataList']);

/** The first encoding of an `Accept` header that is spoken here. Throws 406 when there is none. */
export function negotiate(accept: string | undefined, options: { transforms: boolean; yaml: boolean }): Encoding {
  for (const { type, parameters } of parseAccept(accept)) {
    const format = formats[type];
    if (!format || (format === 'yaml' && !options.yaml)) continue;
    const { as, g, v } = parameters;
    if (!as) return { format, version: 'v1' };
    const known = options.transforms && transforms.has(as) && g === 'meta.k8s.io' && (v === 'v1' || v === 'v1beta1');
    if (known) return { format, as: as as 'Table', version: v };
  }
  const accepted = options.yaml ? 'application/json, application/yaml' : 'application/json;stream=watch';
  throw StatusError.of('NotAcceptable', `only the following media types are accepted: ${accepted}`);
}
