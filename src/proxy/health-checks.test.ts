import { once } from 'node:events';
import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { silentLog } from '../base/log.ts';
import { HealthCheckServers, healthChecksOf } from './health-checks.ts';
import { testService, testSlice } from './service-fixtures.ts';

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

describe('health checks', () => {
  const servers = new HealthCheckServers({ log: silentLog }, { host: '127.0.0.1' });
  afterEach(() => servers.close());
  const service = { namespace: 'default', name: 'web' };
  const ask = async (port: number) => {
    for (;;) {
      const response = await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined);
      if (response) return response;
    }
  };

  it('say how many endpoints are here', async () => {
    const port = await freePort();
    servers.set(new Map([[port, { service, localEndpoints: 2 }]]));
    const up = await ask(port);
    expect(up.status).toBe(200);
    expect(up.headers.get('x-load-balancing-endpoint-weight')).toBe('2');
    expect(await up.json()).toEqual({ service, localEndpoints: 2, serviceProxyHealthy: true });
    servers.set(new Map([[port, { service, localEndpoints: 0 }]]));
    expect((await ask(port)).status).toBe(503);
  });

  it('end with the service', async () => {
    const port = await freePort();
    servers.set(new Map([[port, { service, localEndpoints: 1 }]]));
    await ask(port);
    servers.set(new Map());
    await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow();
  });

  it('are those of load balancers whose traffic stays on the node, and count ready endpoints of this node once', () => {
    const local = { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 30_001 } as const;
    const services = [
      testService('web', local),
      testService('plain', { ...local, externalTrafficPolicy: 'Cluster', healthCheckNodePort: 30_002 }),
      testService('port', { ...local, type: 'NodePort', healthCheckNodePort: 30_003 }),
    ];
    const slice = testSlice('web', [
      '10.244.0.1',
      { address: '10.244.0.2', conditions: { ready: false, serving: true, terminating: true } },
      { address: '10.244.1.3', nodeName: 'node-2' },
    ]);
    const checks = healthChecksOf(services, (key) => (key === 'default/web' ? [slice, slice] : []), 'node-1');
    expect(checks).toEqual(new Map([[30_001, { service, localEndpoints: 1 }]]));
  });
});
