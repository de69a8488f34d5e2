import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import dnsPacket, { type Answer, type Question, type RecordType } from 'dns-packet';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { realClock } from '../base/clock.ts';
import { silentLog } from '../base/log.ts';
import { seededRng } from '../base/rng.ts';
import type { DnsRecords } from './answer.ts';
import { dnsService, dnsSlice, someRecords, testZone } from './dns-fixtures.ts';
import { Forwarder } from './forwarder.ts';
import { listen } from './listener.ts';
import { upstreamsOf } from './resolv-conf.ts';
import { Resolver } from './resolver.ts';
import { StreamMessages } from './stream-messages.ts';

/** The types leave out what `decode` also gives. */
type Decoded = dnsPacket.DecodedPacket & { rcode?: string };

const address = '127.0.0.1';
const big = dnsService('big', { clusterIP: 'None', ports: [{ name: 'http', port: 80 }] });
const bigSlice = dnsSlice(
  'big',
  Array.from({ length: 300 }, (_, i) => ({ addresses: [`10.244.${i >> 8}.${i & 255}`] })),
);

describe('the DNS server', () => {
  const closers: (() => unknown)[] = [];
  let port: number;
  let records: DnsRecords & { isReady: boolean };
  /** Questions the upstream got by UDP. */
  let asked: string[];
  let upstreamAnswers: (question: Question) => { answers?: Answer[]; rcode?: number; truncated?: boolean } | undefined;

  beforeEach(async () => {
    asked = [];
    upstreamAnswers = (q) => ({ answers: [{ type: 'A', name: q.name, ttl: 300, data: '203.0.113.5' }] });
    const upstream = await startUpstream();
    const deps = { clock: realClock, rng: seededRng(3), log: silentLog };
    const forwarder = new Forwarder(deps, { upstreams: async () => [{ address, port: upstream }], timeoutMs: 50 });
    records = {
      ...someRecords,
      isReady: true,
      service: (ns, name) => (name === 'big' ? big : someRecords.service(ns, name)),
      slices: (ns, name) => (name === 'big' ? [bigSlice] : someRecords.slices(ns, name)),
    };
    const resolver = new Resolver({ records, forwarder, rng: seededRng(4), log: silentLog }, testZone);
    const listener = await listen({ resolver, clock: realClock }, { address, port: 0 });
    port = listener.port;
    closers.push(() => listener.close());
  });

  afterEach(async () => {
    for (const close of closers.splice(0)) await close();
  });

  async function startUpstream(): Promise<number> {
    const udp = dgram.createSocket('udp4');
    const respond = (message: Buffer, byTcp: boolean) => {
      const packet = dnsPacket.decode(message);
      const question = packet.questions?.[0] ?? expect.fail();
      if (!byTcp) asked.push(`${question.type} ${question.name}`);
      const { answers = [], rcode = 0, truncated = false } = upstreamAnswers(question) ?? {};
      if (!upstreamAnswers(question)) return undefined;
      const cut = truncated && !byTcp;
      const flags = rcode | (cut ? dnsPacket.TRUNCATED_RESPONSE : 0);
      const questions = packet.questions;
      return dnsPacket.encode({ type: 'response', id: packet.id, flags, questions, answers: cut ? [] : answers });
    };
    udp.on('message', (message, from) => {
      const response = respond(message, false);
      if (response) udp.send(response, from.port, from.address);
    });
    const tcp = net.createServer((socket) => {
      const messages = new StreamMessages();
      socket.on('data', (chunk) => {
        for (const message of messages.add(chunk)) {
          const response = respond(message, true);
          if (response) socket.write(StreamMessages.frame(response));
        }
      });
    });
    // TCP chooses: more of its ports are taken.
    tcp.listen(0, address);
    await once(tcp, 'listening');
    udp.bind((tcp.address() as net.AddressInfo).port, address);
    await once(udp, 'listening');
    closers.push(
      () => udp.close(),
      () => tcp.close(),
    );
    return udp.address().port;
  }

  async function sendUdp(message: Buffer): Promise<Decoded> {
    const socket = dgram.createSocket('udp4');
    socket.send(message, port, address);
    const [response] = (await once(socket, 'message')) as [Buffer];
    socket.close();
    return dnsPacket.decode(response);
  }

  const encode = (name: string, type: RecordType, rest: Partial<dnsPacket.Packet> = {}) =>
    dnsPacket.encode({ id: 77, flags: dnsPacket.RECURSION_DESIRED, questions: [{ name, type }], ...rest });
  const ask = (name: string, type: RecordType = 'A') => sendUdp(encode(name, type));
  const addressesOf = (packet: dnsPacket.DecodedPacket) =>
    packet.answers?.map((a) => ('data' in a ? String(a.data) : '')) ?? [];

  async function askByTcp(...names: string[]): Promise<dnsPacket.DecodedPacket[]> {
    const socket = net.connect(port, address);
    const messages = new StreamMessages();
    const got: dnsPacket.DecodedPacket[] = [];
    for (const name of names) socket.write(StreamMessages.frame(encode(name, 'A')));
    for await (const chunk of socket) {
      got.push(...messages.add(chunk as Buffer).map((m) => dnsPacket.decode(m)));
      if (got.length === names.length) break;
    }
    socket.destroy();
    return got;
  }

  it('answers for the cluster, with authority', async () => {
    const packet = await ask('web.default.svc.cluster.local');
    expect(packet).toMatchObject({
      id: 77,
      rcode: 'NOERROR',
      flag_aa: true,
      flag_ra: true,
      flag_rd: true,
      flag_tc: false,
    });
    expect(addressesOf(packet)).toEqual(['10.96.0.20']);
    expect(asked).toEqual([]);
  });

  it('says NXDOMAIN with SOA', async () => {
    const packet = await ask('nope.default.svc.cluster.local');
    expect(packet).toMatchObject({ rcode: 'NXDOMAIN', authorities: [{ type: 'SOA' }] });
  });

  it('cuts what is too long for UDP and gives it all by TCP', async () => {
    const name = 'big.default.svc.cluster.local';
    const plain = await ask(name);
    expect(plain.flag_tc).toBe(true);
    expect(plain.answers?.length).toBeGreaterThanOrEqual(10);
    const opt = { type: 'OPT', name: '.', udpPayloadSize: 4096, flags: 0, options: [] } as unknown as Answer;
    const edns = await sendUdp(encode(name, 'A', { additionals: [opt] }));
    expect(edns.answers?.length).toBeGreaterThan(plain.answers?.length ?? 0);
    expect(edns.additionals).toMatchObject([{ type: 'OPT' }]);
    const [whole] = await askByTcp(name);
    expect(new Set(addressesOf(whole ?? expect.fail())).size).toBe(300);
  });

  it('takes several questions on one connection', async () => {
    const got = await askByTcp('web.default.svc.cluster.local', 'db.default.svc.cluster.local', 'x.org');
    expect(got.map((packet) => packet.answers?.length).sort()).toEqual([1, 1, 2]);
  });

  it('asks the world once and then remembers, also across upper and lower case', async () => {
    const first = await ask('www.example.org');
    expect(first).toMatchObject({ id: 77, flag_aa: false });
    expect(addressesOf(first)).toEqual(['203.0.113.5']);
    const again = await ask('WWW.example.org');
    expect(again.questions).toMatchObject([{ name: 'WWW.example.org' }]);
    expect(addressesOf(again)).toEqual(['203.0.113.5']);
    expect(asked).toEqual(['A www.example.org']);
  });

  it('asks the world once for the same question of many', async () => {
    await Promise.all(Array.from({ length: 5 }, () => ask('many.example.org')));
    expect(asked).toEqual(['A many.example.org']);
  });

  it('passes types on that it does not know', async () => {
    upstreamAnswers = () => ({ rcode: 3 });
    const packet = await ask('www.example.org', 'UNKNOWN_65' as RecordType);
    expect(packet.rcode).toBe('NXDOMAIN');
    expect(asked).toEqual(['UNKNOWN_65 www.example.org']);
  });

  it('asks again by TCP when the answer was cut', async () => {
    upstreamAnswers = (q) => ({ truncated: true, answers: [{ type: 'A', name: q.name, data: '203.0.113.6' }] });
    expect(addressesOf(await ask('long.example.org'))).toEqual(['203.0.113.6']);
  });

  it('says SERVFAIL when nobody answers, after asking twice', async () => {
    upstreamAnswers = () => undefined;
    expect((await ask('dead.example.org')).rcode).toBe('SERVFAIL');
    expect(asked).toHaveLength(2);
  });

  it('resolves what external names lead to, in the world and in the cluster', async () => {
    expect(addressesOf(await ask('outside.default.svc.cluster.local'))).toEqual(['www.example.org', '203.0.113.5']);
    expect(addressesOf(await ask('alias.default.svc.cluster.local'))).toEqual([
      'web.default.svc.cluster.local',
      '10.96.0.20',
    ]);
  });

  it('says SERVFAIL for the cluster until it has its records', async () => {
    records.isReady = false;
    expect((await ask('web.default.svc.cluster.local')).rcode).toBe('SERVFAIL');
    expect((await ask('www.example.org')).rcode).toBe('NOERROR');
  });

  it('survives rubbish', async () => {
    const broken = encode('x.org', 'A').subarray(0, 14);
    expect((await sendUdp(broken)).rcode).toBe('FORMERR');
    const socket = dgram.createSocket('udp4');
    for (const rubbish of [Buffer.alloc(0), Buffer.alloc(5), Buffer.alloc(64, 0xff)])
      socket.send(rubbish, port, address);
    expect((await ask('web.default.svc.cluster.local')).rcode).toBe('NOERROR');
    socket.close();
  });
});

describe('upstreamsOf', () => {
  it('takes what can be asked from another namespace', () => {
    const text =
      'search x\nnameserver 127.0.0.53\nnameserver 192.0.2.1 # one\nnameserver fd00::1\nnameserver 10.96.0.10\n';
    expect(upstreamsOf(text, '10.96.0.10')).toEqual(['192.0.2.1']);
  });
});
