import { runtimeclasses } from '../api/generated/resources.ts';
import type { RuntimeHandler } from '../api/generated/cri.ts';
import type { Pod } from '../api/generated/types.ts';
import { isNotFound } from '../api/meta/status-error.ts';
import type { Client } from '../client/client.ts';

/** What the runtime calls a pod's runtime class (KEP-585); asked for at each new sandbox of such a pod, of which there are few. */
export const runtimeHandlers =
  (client: Client) =>
  async ({ spec }: Pod): Promise<string | undefined> => {
    const name = spec.runtimeClassName;
    if (!name) return undefined;
    const found = await client.get(runtimeclasses, { name }).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
      throw new Error(`failed to get sandbox runtime: runtimeclass.node.k8s.io ${JSON.stringify(name)} not found`);
    });
    return found.handler;
  };

/**
 * Whether what the runtime calls `name` (nothing: the usual one) makes mounts read-only with all that is mounted below them. A
 * runtime that tells nothing of its handlers is older than that (KEP-3857).
 */
export const canMountReadOnlyRecursively = (handlers: readonly RuntimeHandler[], name = ''): boolean =>
  handlers.find((handler) => (handler.name ?? '') === name)?.features?.recursiveReadOnlyMounts ?? false;
