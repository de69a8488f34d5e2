import { secrets } from '../api/generated/resources.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Rng } from '../base/rng.ts';
import { generateJoinToken, joinTokenSecret, joinTokenText } from '../pki/join-token.ts';
import { adminClient } from './admin-client.ts';
import type { ClusterLayout } from './layout.ts';
import { clusterCaHash } from './services.ts';

const hourMs = 3_600_000;

/** A token that lets machines join for some hours, and the hash by which they know the cluster. */
export async function createToken(
  deps: { clock: Clock; rng: Rng; log: Logger },
  layout: ClusterLayout,
  hours: number,
): Promise<{ token: string; caHash: string; expires: string }> {
  const token = generateJoinToken(deps.rng);
  const expiresAtMs = deps.clock.now() + hours * hourMs;
  const admin = await adminClient(layout, deps);
  try {
    await admin.client.create(secrets, joinTokenSecret(token, { expiresAtMs, description: 'knarr token create' }));
  } finally {
    admin.close();
  }
  const expires = new Date(expiresAtMs).toISOString();
  return { token: joinTokenText(token), caHash: await clusterCaHash(layout), expires };
}
