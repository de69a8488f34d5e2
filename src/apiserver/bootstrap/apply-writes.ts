import { isAlreadyExists, isConflict, isNotFound } from '../../api/meta/status-error.ts';
import { keyOf } from '../../api/resource.ts';
import type { Client } from '../../client/client.ts';
import type { BootstrapWrite } from './bootstrap.ts';

/** Deletions first; namespaces before what is in them. */
export async function applyWrites(client: Client, writes: readonly BootstrapWrite[]): Promise<void> {
  const isNamespace = (write: BootstrapWrite) => write.resource.resource === 'namespaces';
  const take = async ({ verb, resource, object }: BootstrapWrite): Promise<void> => {
    try {
      if (verb === 'create') await client.create(resource, object);
      else if (verb === 'update') await client.update(resource, object);
      else await client.delete(resource, keyOf(object));
    } catch (error) {
      // Another server has just done the same.
      if (!isAlreadyExists(error) && !isConflict(error) && !isNotFound(error)) throw error;
    }
  };
  for (const verb of ['delete', 'create', 'update'] as const) {
    const due = writes.filter((write) => write.verb === verb);
    await Promise.all(due.filter(isNamespace).map(take));
    await Promise.all(due.filter((write) => !isNamespace(write)).map(take));
  }
}
