import type { RunCommand } from '../host/command.ts';

/** UDP flows the kernel still remembers to a frontend; with `endpoint`, only those translated to it. */
export interface StaleFlow {
  address: string;
  port: number;
  endpoint?: string;
}

/** Removes remembered flows, so that the next packet of each is looked up again. */
export type RemoveFlows = (flows: readonly StaleFlow[]) => Promise<void>;

/** Endpoints in their slots, by frontend. */
type Slots = ReadonlyMap<string, readonly string[]>;

/**
 * A UDP client that keeps sending keeps its flow alive for ever, also to an endpoint that is gone, and one that began
 * before the service had endpoints is never translated. TCP ends by itself.
 */
export function staleFlows(from: Slots, to: Slots): StaleFlow[] {
  const stale: StaleFlow[] = [];
  for (const [key, slots] of from) {
    const frontend = udpFrontend(key);
    if (!frontend) continue;
    const now = new Set(to.get(key));
    for (const endpoint of slots) {
      if (!now.has(endpoint)) stale.push({ ...frontend, endpoint: endpoint.split(' ', 1)[0] ?? '' });
    }
  }
  for (const key of to.keys()) {
    const frontend = udpFrontend(key);
    if (frontend && !from.has(key)) stale.push(frontend);
  }
  return stale;
}

function udpFrontend(key: string): { address: string; port: number } | undefined {
  const [address, protocol, port] = key.split(' . ');
  return address && protocol === 'udp' ? { address, port: Number(port) } : undefined;
}

/** The kernel's connection tracking by the `conntrack` program; its exit code 1 means that nothing matched. */
export function execRemoveFlows({ run }: { run: RunCommand }): RemoveFlows {
  return async (flows) => {
    for (const { address, port, endpoint } of flows) {
      const translated = endpoint ? ['--dst-nat', endpoint] : [];
      const args = ['-D', '-p', 'udp', '--orig-dst', address, '--orig-port-dst', String(port), ...translated];
      await run({ program: 'conntrack', args });
    }
  };
}
