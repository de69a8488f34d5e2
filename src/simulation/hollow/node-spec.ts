import type { Taint } from '../../api/generated/types.ts';

/** What a hollow node is like. */
export interface HollowNodeSpec {
  name: string;
  address: string;
  labels?: Record<string, string>;
  taints?: readonly Taint[];
  /** Quantities by resource name: what the node offers; 32 CPUs, 128Gi and 110 pods unless told. */
  capacity?: Record<string, string>;
  /** How often it renews its lease; every 30 s unless told. */
  heartbeatMs?: number;
}
