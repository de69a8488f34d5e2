import type { KubeObject } from '../../api/resource.ts';
import type { Write } from '../../store/store.ts';
import type { ApiContext } from '../context.ts';
import type { Endpoint } from '../endpoint.ts';

/**
 * What else is written in the commit of an object: quotas it is booked in, addresses it takes. Throws when there is not
 * enough of either; to be called in the turn of the commit, right before it.
 */
export function writesWithObject(
  { quotas, addresses }: ApiContext,
  endpoint: Endpoint,
  change: { object: KubeObject; old: KubeObject | undefined; dryRun: boolean },
): Write[] {
  // Quotas only look; addresses are held from here on.
  return [...quotas.claim(endpoint, change), ...addresses.claim(endpoint, change)];
}

/** The same for an object that goes. */
export const writesWithRemoval = ({ quotas, addresses }: ApiContext, endpoint: Endpoint, old: KubeObject): Write[] => [
  ...addresses.release(endpoint, old),
  ...quotas.release(endpoint, old),
];
