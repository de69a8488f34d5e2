import type { RecordType } from 'dns-packet';
import { describe, expect, it } from 'vitest';
import { answer } from './answer.ts';
import { someRecords, testZone } from './dns-fixtures.ts';

const ask = (name: string, type: RecordType = 'A') => answer({ name, type }, someRecords, testZone);

/** The data of the answers; the code when there are none. */
const data = (name: string, type: RecordType = 'A') => {
  const reply = ask(name, type);
  if (!reply) return 'forward';
  return reply.answers.length > 0 ? reply.answers.map((a) => ('data' in a ? a.data : undefined)) : reply.rcode;
};

describe('names of the cluster', () => {
  it.each<[string, string, RecordType, unknown]>([
    ['a service', 'web.default.svc.cluster.local', 'A', ['10.96.0.20']],
    ['a service without IPv6', 'web.default.svc.cluster.local', 'AAAA', 'NOERROR'],
    ['a service nobody made', 'nope.default.svc.cluster.local', 'A', 'NXDOMAIN'],
    ['a search path', 'example.org.default.svc.cluster.local', 'A', 'NXDOMAIN'],
    ['a headless service: its ready endpoints', 'db.default.svc.cluster.local', 'A', ['10.244.0.1', '10.244.1.2']],
    ['a headless service without endpoints', 'empty.default.svc.cluster.local', 'A', 'NXDOMAIN'],
    ['a pod by its hostname', 'db-0.db.default.svc.cluster.local', 'A', ['10.244.0.1']],
    ['a pod without a hostname', '10-244-1-2.db.default.svc.cluster.local', 'A', ['10.244.1.2']],
    ['a pod that is not ready', 'db-2.db.default.svc.cluster.local', 'A', 'NXDOMAIN'],
    ['an external name', 'outside.default.svc.cluster.local', 'A', ['www.example.org']],
    ['a pod address', '10-244-0-7.default.pod.cluster.local', 'A', ['10.244.0.7']],
    ['no pod address', '10-244-0-777.default.pod.cluster.local', 'A', 'NXDOMAIN'],
    ['a namespace', 'default.svc.cluster.local', 'A', 'NOERROR'],
    ['no namespace', 'nowhere.svc.cluster.local', 'A', 'NXDOMAIN'],
    ['what is between names', 'svc.cluster.local', 'A', 'NOERROR'],
    ['the zone', 'cluster.local', 'NS', ['ns.dns.cluster.local']],
    ['the server', 'ns.dns.cluster.local', 'A', ['10.96.0.10']],
    ['the version', 'dns-version.cluster.local', 'TXT', ['1.1.0']],
    ['another tree', 'x.cluster.local', 'A', 'NXDOMAIN'],
    ['the world', 'example.org', 'A', 'forward'],
    ['what only ends alike', 'notcluster.local', 'A', 'forward'],
  ])('%s', (_, name, type, expected) => {
    expect(data(name, type)).toEqual(expected);
  });

  it('does not care for case, and repeats the name as asked', () => {
    expect(ask('WEB.default.SVC.cluster.local')?.answers).toMatchObject([
      { name: 'WEB.default.SVC.cluster.local', data: '10.96.0.20', ttl: 5 },
    ]);
  });

  it('says how long there is nothing', () => {
    for (const name of ['nope.default.svc.cluster.local', 'default.svc.cluster.local']) {
      expect(ask(name)?.authorities).toMatchObject([
        { type: 'SOA', name: 'cluster.local', ttl: 5, data: { minimum: 5 } },
      ]);
    }
  });
});

describe('SRV', () => {
  it('of a service leads to its name', () => {
    expect(ask('_http._tcp.web.default.svc.cluster.local', 'SRV')).toMatchObject({
      answers: [{ data: { port: 80, target: 'web.default.svc.cluster.local', priority: 0, weight: 100 } }],
      additionals: [{ type: 'A', name: 'web.default.svc.cluster.local', data: '10.96.0.20' }],
    });
  });

  it('of a headless service leads to each endpoint with its port', () => {
    const reply = ask('_http._tcp.db.default.svc.cluster.local', 'SRV');
    expect(reply?.answers).toMatchObject([
      { data: { port: 5432, target: 'db-0.db.default.svc.cluster.local', weight: 50 } },
      { data: { port: 5432, target: '10-244-1-2.db.default.svc.cluster.local' } },
    ]);
    expect(reply?.additionals).toHaveLength(2);
  });

  it.each([
    ['_nope._tcp.web.default.svc.cluster.local', 'NXDOMAIN'],
    ['_http._udp.web.default.svc.cluster.local', 'NXDOMAIN'],
    ['_tcp.web.default.svc.cluster.local', 'NOERROR'],
  ])('%s: %s', (name, rcode) => {
    expect(data(name, 'SRV')).toBe(rcode);
  });

  it('exists for other types too', () => {
    expect(data('_http._tcp.web.default.svc.cluster.local', 'A')).toBe('NOERROR');
  });
});

describe('PTR', () => {
  it.each([
    ['20.0.96.10', ['web.default.svc.cluster.local']],
    ['1.0.244.10', ['db-0.db.default.svc.cluster.local']],
    ['2.1.244.10', ['10-244-1-2.db.default.svc.cluster.local']],
    ['77.7.244.10', 'NXDOMAIN'],
    ['8.8.8.8', 'forward'],
    ['0.244.10', 'forward'],
  ])('%s', (reversed, expected) => {
    expect(data(`${reversed}.in-addr.arpa`, 'PTR')).toEqual(expected);
  });
});
