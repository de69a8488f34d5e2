import dgram from 'node:dgram';
import { once } from 'node:events';
import dnsPacket, { type RecordType } from 'dns-packet';
import { describe, expect, it } from 'vitest';
import { endpointslices, services } from '../api/generated/resources.ts';
import type { Resource } from '../api/resource.ts';
import { realClock } from '../base/clock.ts';
import { silentLog } from '../base/log.ts';
import { seededRng } from '../base/rng.ts';
import type { Client, WatchSink } from '../client/client.ts';
import { informersFor } from '../client/informers.ts';
import { startDns } from './dns.ts';
import { dnsService, someServices, someSlices } from './dns-fixtures.ts';

describe('startDns', () => {
  const ran: string[] = [];
  const sinks = new Map<string, WatchSink>();
  const client = {
    list: async (resource: Resource) => {
      const items = { [services.resource]: someServices, [endpointslices.resource]: someSlices }[resource.resource];
      return { items, metadata: { resourceVersion: '9' } };
    },
    watch(resource: Resource, _: unknown, sink: WatchSink) {
      sinks.set(resource.resource, sink);
      return { stop() {} };
    },
  };
  const run = async ({ program, args }: { program: string; args: readonly string[] }) => {
    ran.push([program, ...args].join(' '));
    return { exitCode: 0, stdout: '', stderr: '' };
  };
  const start = (
    informers = informersFor(client as unknown as Client, { clock: realClock, rng: seededRng(1), log: silentLog }),
  ) =>
    startDns(
      { informers, run, clock: realClock, rng: seededRng(1), log: silentLog },
      { clusterDomain: 'cluster.local', address: '127.0.0.1', upstreams: async () => [], port: 0 },
    ).then((dns) => ({ dns, informers }));

  async function ask(port: number, name: string, type: RecordType = 'A'): Promise<unknown[]> {
    const socket = dgram.createSocket('udp4');
    socket.send(dnsPacket.encode({ id: 1, questions: [{ name, type }] }), port, '127.0.0.1');
    const [message] = (await once(socket, 'message')) as [Buffer];
    socket.close();
    return (dnsPacket.decode(message).answers ?? []).map((record) => ('data' in record ? record.data : undefined));
  }

  it('answers from the watch, and takes its address away when it stops', async () => {
    const { dns, informers } = await start();
    informers.start();
    await informers.waitForSync();
    expect(await ask(dns.port, 'web.default.svc.cluster.local')).toEqual(['10.96.0.20']);
    expect((await ask(dns.port, 'db.default.svc.cluster.local')).sort()).toEqual(['10.244.0.1', '10.244.1.2']);
    expect(await ask(dns.port, '20.0.96.10.in-addr.arpa', 'PTR')).toEqual(['web.default.svc.cluster.local']);
    expect(await ask(dns.port, '1.0.244.10.in-addr.arpa', 'PTR')).toEqual(['db-0.db.default.svc.cluster.local']);
    const later = dnsService('later', { clusterIP: '10.96.0.77' });
    sinks.get('services')?.events([{ type: 'ADDED', object: later }]);
    expect(await ask(dns.port, 'later.default.svc.cluster.local')).toEqual(['10.96.0.77']);
    await dns.stop();
    informers.stop();
    expect(ran).toEqual(['ip addr replace 127.0.0.1/32 dev lo', 'ip addr del 127.0.0.1/32 dev lo']);
  });
});
