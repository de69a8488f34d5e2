import type { Metrics } from '../../base/metrics.ts';

interface Transformation {
  resource: string;
  type: 'from_storage' | 'to_storage';
  prefix: string;
  /** `OK` unless told. */
  status?: string;
}

/** Counts what is sealed and opened, under upstream's name (k8s.io/apiserver/pkg/storage/value). */
export interface SealingMetrics {
  transformed(transformation: Transformation): void;
}

export const noSealingMetrics: SealingMetrics = { transformed() {} };

export function sealingMetrics(metrics: Metrics): SealingMetrics {
  const count = metrics.counter(
    'apiserver_storage_transformation_operations_total',
    '[ALPHA] Total number of transformations, by how they ended.',
    ['resource', 'transformation_type', 'transformer_prefix', 'status'],
  );
  return {
    transformed: ({ resource, type, prefix, status = 'OK' }) =>
      count.add([resource, type, shownPrefix(prefix), status]),
  };
}

/** Upstream shows the names of plugins, not those of keys: `k8s:enc:aescbc:v1:`, `k8s:enc:kms:v2:vault:`. */
const shownPrefix = (prefix: string): string =>
  prefix.startsWith('k8s:enc:kms:') ? prefix : prefix.replace(/[^:]+:$/, '');
