/**
 * What the agent of a node runs for services and names, in a process of its own: `ServiceProxy` on the kernel's nftables, or
 * the DNS server. Says when its lists are there and when it works, in ms.
 */
import { realClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { machineRng } from '../../src/base/rng.ts';
import { informersFor } from '../../src/client/informers.ts';
import { adminClient } from '../../src/cluster/admin-client.ts';
import type { ClusterLayout } from '../../src/cluster/layout.ts';
import { startDns } from '../../src/dns/dns.ts';
import { runCommand } from '../../src/host/command.ts';
import { execNft } from '../../src/nft/exec.ts';
import { execRemoveFlows } from '../../src/proxy/flows.ts';
import { ServiceProxy } from '../../src/proxy/proxy.ts';

export interface NodeOrder {
  layout: ClusterLayout;
  part: 'proxy' | 'dns';
  table: string;
}

const { layout, part, table } = JSON.parse(process.argv[2] ?? '') as NodeOrder;
const [clock, rng, log, run] = [realClock, machineRng, silentLog, runCommand];
const { podCIDR, serviceCIDR, dnsAddress } = layout.network;
const { client } = await adminClient(layout, { clock, rng, log });
const informers = informersFor(client, { clock, rng, log });
const say = (words: object) => process.stdout.write(`${JSON.stringify(words)}\n`);

if (part === 'proxy') {
  const node = { name: 'node-0', addresses: ['172.30.0.11'], podCIDR, serviceCIDR, ownAddresses: [dnsAddress] };
  const removeFlows = execRemoveFlows({ run });
  const proxy = new ServiceProxy({ informers, nft: execNft({ run }, { table }), removeFlows, clock, log }, { node });
  proxy.start();
  informers.start();
  await informers.waitForSync();
  const began = performance.now();
  await proxy.ready;
  say({ ms: performance.now() - began });
} else {
  const options = { clusterDomain: 'cluster.local', address: dnsAddress, upstreams: async () => [] };
  await startDns({ informers, run, clock, rng, log }, options);
  const began = performance.now();
  informers.start();
  await informers.waitForSync();
  say({ ms: performance.now() - began });
}
