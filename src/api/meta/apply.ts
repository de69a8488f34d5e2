import type { KubeObject } from '../resource.ts';
import type { Schema } from '../schema/schema.ts';

/** A server-side apply. */
export interface ApplyRequest {
  type: string;
  live: KubeObject | undefined;
  config: KubeObject;
  manager: string;
  force: boolean;
  subresource: string;
  time: string;
  reset: readonly string[];
}

export function applyPatch(_schema: Schema, _request: ApplyRequest): object {
  throw new Error('server-side apply comes with the next commit');
}
