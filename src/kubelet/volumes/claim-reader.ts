import { persistentvolumeclaims, persistentvolumes } from '../../api/generated/resources.ts';
import { isNotFound } from '../../api/meta/status-error.ts';
import type { Client } from '../../client/client.ts';
import type { ClaimReader } from './volume.ts';

/** Asks the API each time: a node may read single claims and volumes of its pods, and needs them seldom. */
export const claimReader = (client: Client): ClaimReader => ({
  claim: (namespace, name) => unlessMissing(client.get(persistentvolumeclaims, { namespace, name })),
  volume: (name) => unlessMissing(client.get(persistentvolumes, { name })),
});

async function unlessMissing<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
