import type { ObjectKey, Resource } from '../api/resource.ts';
import type { PatchType, WatchHandle, WatchSink } from './client.ts';

export type ApiVerb = 'get' | 'list' | 'create' | 'update' | 'patch' | 'delete';

/** One API request below the typed client and above the wire: what an URL, a method and a body say together. */
export interface ApiCall {
  verb: ApiVerb;
  resource: Resource;
  key: Partial<ObjectKey>;
  subresource?: string;
  /** Query parameters in their wire names (`fieldManager`, `labelSelector`, …). */
  query: Record<string, string>;
  body?: unknown;
  patchType?: PatchType;
}

/** Carries calls to an API server. `call` rejects with `StatusError` for every answer that is not a success. */
export interface Transport {
  call(call: ApiCall): Promise<unknown>;
  watch(call: Omit<ApiCall, 'verb'>, sink: WatchSink): WatchHandle;
}
