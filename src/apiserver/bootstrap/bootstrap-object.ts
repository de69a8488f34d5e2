import type { ObjectMeta } from '../../api/generated/types.ts';
import type { KubeObject, Resource } from '../../api/resource.ts';

/**
 * How an object is kept once it is there.
 * `create`: made when missing, then the user's. `role`, `binding`: what the policy says is restored, what users added stays.
 * `own`: the server's; written whenever it differs from what it should say. `data`: the same, of single data; others add
 * theirs. `suggested`: as `own`, until somebody says otherwise in its annotation.
 */
export type Upkeep = 'create' | 'role' | 'binding' | 'own' | 'data' | 'suggested';

export interface BootstrapObject {
  resource: Resource;
  object: KubeObject;
  upkeep: Upkeep;
}

export const bootstrapObject = <T extends KubeObject>(
  resource: Resource<T>,
  upkeep: Upkeep,
  object: { metadata: Partial<ObjectMeta> & { name: string } } & Record<string, unknown>,
): BootstrapObject => ({
  resource,
  upkeep,
  object: {
    apiVersion: resource.group ? `${resource.group}/${resource.version}` : resource.version,
    kind: resource.kind,
    ...object,
  } as KubeObject,
});
