import { describe, expect, it } from 'vitest';
import { endpointslices, nodes, pods, services } from '../api/generated/resources.ts';
import { seededRng } from '../base/rng.ts';
import { behindProxy } from './backend-proxy.ts';
import { FakeObjectReader } from './object-reader.fake.ts';
import { locationBehind } from './pass-on.ts';
import { passedOn } from './passed-headers.ts';
import { parseProxyName, proxyTarget } from './proxy-target.ts';

const read = new FakeObjectReader();
const named = (name: string) => ({ namespace: 'ns', name });
const ports = [
  { name: 'http', port: 80 },
  { name: 'admin', port: 81 },
];
read.put(services, { metadata: named('web'), spec: { ports } });
read.put(services, { metadata: named('one'), spec: { ports: [{ port: 80 }] } });
read.put(services, { metadata: named('empty'), spec: { ports: [{ port: 80 }] } });
const slice = (service: string, slicePorts: object[], endpoints: object[]) =>
  read.put(endpointslices, {
    metadata: { ...named(`${service}-1`), labels: { 'kubernetes.io/service-name': service } },
    ports: slicePorts,
    endpoints,
  });
slice(
  'web',
  [
    { name: 'http', port: 8080 },
    { name: 'admin', port: 9090 },
  ],
  [
    { addresses: ['10.0.0.1'], conditions: { ready: false } },
    { addresses: ['10.0.0.2'], conditions: { ready: true } },
  ],
);
slice('one', [{ name: '', port: 8080 }], [{ addresses: ['10.0.0.3'] }]);
const containers = [{ name: 'a' }, { name: 'b', ports: [{ containerPort: 7000 }] }];
read.put(pods, { metadata: named('p'), spec: { containers }, status: { podIP: '10.0.0.9' } });
read.put(pods, { metadata: named('pending'), spec: { containers }, status: {} });
const status = {
  addresses: [{ type: 'InternalIP', address: '172.30.0.11' }],
  daemonEndpoints: { kubeletEndpoint: { Port: 10_250 } },
};
read.put(nodes, { metadata: { name: 'node1' }, status });

const target = (resource: string, name: string) => {
  const { scheme, host, port, isNode } = proxyTarget(
    { resource, name, namespace: resource === 'nodes' ? '' : 'ns' },
    { read, rng: seededRng(1) },
  );
  return `${scheme}://${host}:${port}${isNode ? ' node' : ''}`;
};

describe('what is behind the proxy', () => {
  it('a service: a ready endpoint, by the name or the number of a port, or its only one', () => {
    expect(target('services', 'web:http')).toBe('http://10.0.0.2:8080');
    expect(target('services', 'web:81')).toBe('http://10.0.0.2:9090');
    expect(target('services', 'https:web:admin')).toBe('https://10.0.0.2:9090');
    expect(target('services', 'one')).toBe('http://10.0.0.3:8080');
    expect(() => target('services', 'web')).toThrow('no endpoints available for service "web"');
    expect(() => target('services', 'web:nosuch')).toThrow('no endpoints available for service "web"');
    expect(() => target('services', 'empty')).toThrow('no endpoints available for service "empty"');
    expect(() => target('services', 'none')).toThrow('services "none" not found');
  });

  it('a pod: the port that is asked for, or the first that it declares', () => {
    expect(target('pods', 'p')).toBe('http://10.0.0.9:7000');
    expect(target('pods', 'https:p:8443')).toBe('https://10.0.0.9:8443');
    expect(() => target('pods', 'pending')).toThrow('address not allowed');
    expect(() => target('pods', 'ftp:p:21')).toThrow('invalid pod request "ftp:p:21"');
  });

  it('a node: its own server, or a port of it', () => {
    expect(target('nodes', 'node1')).toBe('https://172.30.0.11:10250 node');
    expect(target('nodes', 'node1:10250')).toBe('https://172.30.0.11:10250 node');
    expect(target('nodes', 'node1:80')).toBe('http://172.30.0.11:80');
  });

  it('names have one to three parts', () => {
    expect(parseProxyName('pod', 'p:80')).toEqual({ scheme: '', name: 'p', port: '80' });
    expect(() => parseProxyName('pod', 'a:b:c:d')).toThrow('invalid pod request "a:b:c:d"');
    expect(() => parseProxyName('service', ':80')).toThrow('invalid service request ":80"');
  });
});

describe('what is passed on', () => {
  it('the path as the client wrote it', () => {
    const prefix = '/api/v1/namespaces/ns/services/http:web:80/proxy';
    expect(behindProxy(`${prefix}/a%2Fb/?x=1`)).toEqual({ prefix, path: '/a%2Fb/?x=1' });
    expect(behindProxy(`${prefix}?x=1`)).toEqual({ prefix, path: '' });
    expect(behindProxy('/api/v1/nodes/n/proxy/healthz').path).toBe('/healthz');
    expect(locationBehind('/login', prefix)).toBe(`${prefix}/login`);
    expect(locationBehind('https://elsewhere/', prefix)).toBe('https://elsewhere/');
  });

  it('headers, but none that are for this server', () => {
    const secret = {
      authorization: 'Bearer x',
      'impersonate-user': 'jane',
      'x-remote-user': 'jane',
      ':path': '/',
      host: 'h',
      connection: 'close',
    };
    expect(passedOn({ ...secret, accept: '*/*', cookie: 'a=b' })).toEqual({ accept: '*/*', cookie: 'a=b' });
  });
});
