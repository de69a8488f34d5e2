import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RuntimeService } from '../../api/generated/cri.ts';
import type { Probe } from '../../api/generated/types.ts';
import { realClock } from '../../base/clock.ts';
import { RpcError } from '../../rpc/rpc-error.ts';
import { attemptProbe } from './attempt.ts';

let server: Server;
let port = 0;
beforeAll(async () => {
  server = createServer((request, response) => {
    if (request.url === '/slow') return;
    if (request.url === '/moved') return void response.writeHead(302, { location: '/ok' }).end();
    response.writeHead(request.url === '/ok' && request.headers['x-probe'] === 'yes' ? 200 : 500).end('body');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const ExecSync = async ({ cmd }: { cmd?: string[] }) => {
  if (cmd?.[0] === 'hang') throw new RpcError('DeadlineExceeded', 'too long');
  return { exitCode: Number(cmd?.[0]), stdout: Buffer.from('said') };
};
const runtime = { ExecSync } as unknown as RuntimeService;
const attempt = (probe: Probe) => {
  const container = { name: 'c', ports: [{ name: 'web', containerPort: port }] };
  return attemptProbe(probe, { container, containerId: 'id', podIp: '127.0.0.1' }, { runtime, clock: realClock });
};
const httpHeaders = [{ name: 'X-Probe', value: 'yes' }];

describe('an attempt', () => {
  it('http: by name of the port, with headers, through redirects', async () => {
    expect(await attempt({ httpGet: { port: 'web', path: '/ok', httpHeaders } })).toMatchObject({ isSuccess: true });
    expect(await attempt({ httpGet: { port: 'web', path: 'moved', httpHeaders } })).toMatchObject({ isSuccess: true });
    expect(await attempt({ httpGet: { port, path: '/bad' } })).toEqual({
      isSuccess: false,
      output: 'HTTP probe failed with statuscode: 500',
    });
    expect((await attempt({ httpGet: { port, path: '/slow' }, timeoutSeconds: 0.05 })).output).toContain(
      'context deadline exceeded',
    );
    expect((await attempt({ httpGet: { port: 1, path: '/x' } })).output).toBe(
      'Get "http://127.0.0.1:1/x": dial tcp 127.0.0.1:1: connect: connection refused',
    );
    expect((await attempt({ httpGet: { port: 'none' } })).output).toContain("couldn't find port");
  });

  it('tcp: a connection is enough', async () => {
    expect((await attempt({ tcpSocket: { port } })).isSuccess).toBe(true);
    expect(await attempt({ tcpSocket: { port: 1 } })).toEqual({
      isSuccess: false,
      output: 'dial tcp 127.0.0.1:1: connect: connection refused',
    });
  });

  it('exec: the exit code, or the time', async () => {
    expect(await attempt({ exec: { command: ['0'] } })).toEqual({ isSuccess: true, output: 'said' });
    expect(await attempt({ exec: { command: ['1'] } })).toEqual({ isSuccess: false, output: 'said' });
    expect((await attempt({ exec: { command: ['hang'] } })).output).toContain('timed out after 1s');
  });

  it('grpc: nobody answers', async () => {
    expect((await attempt({ grpc: { port: 1 } })).isSuccess).toBe(false);
  });
});
