import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { type Clock, sleep } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Rng } from '../base/rng.ts';
import type { Client } from '../client/client.ts';
import { HttpsTransport } from '../client/https.ts';
import { createClient } from '../client/typed-client.ts';
import type { ClusterLayout } from './layout.ts';
import { StepFailure } from './step-failure.ts';

export interface AdminClient {
  client: Client;
  transport: HttpsTransport;
  close(): void;
}

interface Kubeconfig {
  clusters: { cluster: { server: string; 'certificate-authority-data': string } }[];
  users: { user: { 'client-certificate-data': string; 'client-key-data': string } }[];
}

const decoded = (text: string | undefined): string => Buffer.from(text ?? '', 'base64').toString('utf8');

/** Where the server is and who the administrator is, by his kubeconfig. Certificates and key are PEM. */
export async function adminAccess({ kubeconfig }: Pick<ClusterLayout, 'kubeconfig'>) {
  const config = parse(await readFile(kubeconfig, 'utf8')) as Kubeconfig;
  const cluster = config.clusters[0]?.cluster;
  const user = config.users[0]?.user;
  return {
    server: cluster?.server ?? '',
    ca: decoded(cluster?.['certificate-authority-data']),
    credentials: { cert: decoded(user?.['client-certificate-data']), key: decoded(user?.['client-key-data']) },
  };
}

/** A client with the administrator's kubeconfig: what `up` and `status` look through, as kubectl would. */
export async function adminClient(
  layout: ClusterLayout,
  deps: { clock: Clock; rng: Rng; log: Logger },
): Promise<AdminClient> {
  const transport = new HttpsTransport(deps, await adminAccess(layout));
  return { client: createClient(transport, { fieldManager: 'knarr' }), transport, close: () => transport.close() };
}

/** Tries `attempt` until it gives something or `timeoutMs` has passed; then throws with the last error. A `StepFailure` is final. */
export async function eventually<T>(
  clock: Clock,
  { what, timeoutMs }: { what: string; timeoutMs: number },
  attempt: () => Promise<T | undefined>,
): Promise<T> {
  const deadline = clock.now() + timeoutMs;
  for (let pauseMs = 10; ; pauseMs = Math.min(pauseMs * 1.5, 200)) {
    let why: unknown;
    try {
      const result = await attempt();
      if (result !== undefined) return result;
    } catch (error) {
      if (error instanceof StepFailure) throw error;
      why = error;
    }
    if (clock.now() > deadline) {
      const cause = why instanceof Error ? `: ${why.message}` : '';
      throw new Error(`gave up after ${Math.round(timeoutMs / 1000)} s waiting for ${what}${cause}`, { cause: why });
    }
    await sleep(clock, pauseMs);
  }
}
