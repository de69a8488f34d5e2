import { expect, it } from 'vitest';
import type { ClusterStatus } from '../cluster/status.ts';
import { statusLines } from './status.ts';

const status: ClusterStatus = {
  cluster: 'a',
  healthy: false,
  problems: ['node n2 is not Ready: no network'],
  services: [
    { name: 'server', running: true, pid: 7, version: '1.2.3', log: '/l/server.log' },
    { name: 'node-n1', running: false, log: '/l/node-n1.log' },
  ],
  server: {
    url: 'https://172.30.0.254:6443',
    kubernetes: 'v1.36.2+knarr',
    checks: [
      { endpoint: 'livez', name: 'ping', ok: true },
      { endpoint: 'readyz', name: 'ping', ok: true },
      { endpoint: 'readyz', name: 'informers', ok: false },
    ],
  },
  nodes: [
    {
      name: 'n1',
      ready: true,
      address: '172.30.0.11',
      podCIDR: '10.244.0.0/24',
      version: 'v1.36.2',
      runtime: 'containerd://1',
    },
    {
      name: 'n2',
      ready: false,
      reason: 'no network',
      address: '172.30.0.12',
      podCIDR: '',
      version: 'v1.36.2',
      runtime: '',
    },
  ],
  pods: { total: 3, byPhase: { Running: 2, Pending: 1 } },
  certificates: [
    {
      name: 'admin',
      file: '/pki/admin.crt',
      notBefore: '2026-01-01T00:00:00.000Z',
      notAfter: '2027-01-01T00:00:00.000Z',
      daysLeft: 20,
      state: 'renewal due',
    },
  ],
  addresses: {
    api: '172.30.0.254',
    services: '10.96.0.0/16',
    pods: '10.244.0.0/16',
    dns: '10.96.0.10',
    nodes: '172.30.0.0/24',
  },
  ports: [{ name: 'api', address: '127.0.0.1', port: 6443 }],
  folders: { cluster: '/var/lib/knarr/a' },
};

it('a status says first what is wrong, then everything in columns', () => {
  expect(statusLines(status).join('\n')).toBe(`cluster a: not healthy
  ! node n2 is not Ready: no network

services
  server   running, pid 7  knarr 1.2.3
  node-n1  not running
API server
  address  https://172.30.0.254:6443
  version  v1.36.2+knarr
  livez    ping ok
  readyz   ping ok, informers FAILS
nodes
  n1  Ready     172.30.0.11  10.244.0.0/24  v1.36.2  containerd://1
  n2  NotReady  172.30.0.12                 v1.36.2
pods
  all      3
  Running  2
  Pending  1
certificates
  admin  until 2027-01-01  20 days  renewal due
addresses
  api       172.30.0.254
  services  10.96.0.0/16
  pods      10.244.0.0/16
  dns       10.96.0.10
  nodes     172.30.0.0/24
  port api  127.0.0.1:6443
folders
  cluster  /var/lib/knarr/a`);
});
