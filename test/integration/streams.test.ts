import { execFile, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { rolebindings, roles } from '../../src/api/generated/resources.ts';
import { busyboxImage } from '../../src/cluster/images/base-images.ts';
import { findKubectl } from '../../src/cluster/kubectl.ts';
import { runCommand } from '../../src/host/command.ts';
import type { SpdyConnection, SpdyStream } from '../../src/streams/spdy-connection.ts';
import { whyNoContainerd } from './own-containerd.ts';
import { type StreamsCluster, startStreamsCluster } from './streams-cluster.ts';

const run = promisify(execFile);
const reason = await whyNoContainerd();
const v5 = 'v5.channel.k8s.io';
const v4 = 'v4.channel.k8s.io';
const md5 = (data: Buffer | string) => createHash('md5').update(data).digest('hex');
const megabytes5 = randomBytes(5_000_000);

if (reason) {
  console.warn(`no streams in this run: ${reason}`);
  describe.skip(`streams (${reason})`, () => it('is not run', () => undefined));
} else {
  describe('streams through API server, node and containerd', cases);
}

function cases(): void {
  let cluster: StreamsCluster;
  beforeAll(async () => {
    cluster = await startStreamsCluster();
    const base = { image: busyboxImage };
    await cluster.runPod('web', [
      { ...base, name: 'httpd', command: ['sh', '-c', 'mkdir /w; echo hello >/w/a; exec httpd -f -p 8080 -h /w'] },
      { ...base, name: 'cat', stdin: true, command: ['sh', '-c', 'while read line; do echo "got $line"; done'] },
      { ...base, name: 'shell', stdin: true, tty: true, command: ['sh'] },
      { ...base, name: 'once', command: ['sleep', '1000000'] },
    ]);
  });
  afterAll(() => cluster?.stop(), 60_000);

  describe('exec over WebSocket', () => {
    it('keeps stdout and stderr apart and tells the exit code', async () => {
      const socket = cluster.webSocket(execPath(['sh', '-c', 'echo out; echo err >&2; exit 3']), [v5, v4]);
      const { text, closeCode } = await collected(socket);
      expect(socket.protocol).toBe(v5);
      expect([text(1), text(2)]).toEqual(['out\n', 'err\n']);
      const status = JSON.parse(text(3));
      expect(status).toMatchObject({ status: 'Failure', reason: 'NonZeroExitCode' });
      expect(status.details.causes).toEqual([{ reason: 'ExitCode', message: '3' }]);
      expect(closeCode).toBe(1000);
    });

    it('carries 5 MB to stdin, its end, and 5 MB back', async () => {
      const socket = cluster.webSocket(execPath(['cat'], { stdin: true }), [v5]);
      const done = collected(socket);
      await once(socket, 'open');
      for (let at = 0; at < megabytes5.length; at += 60_000) {
        socket.send(Buffer.concat([Buffer.from([0]), megabytes5.subarray(at, at + 60_000)]));
      }
      socket.send(Buffer.from([255, 0]));
      const { bytes, text } = await done;
      expect(md5(bytes(1))).toBe(md5(megabytes5));
      expect(JSON.parse(text(3))).toMatchObject({ status: 'Success' });
    });

    it('gives a terminal of the wanted size', async () => {
      const socket = cluster.webSocket(execPath(['sh'], { stdin: true, tty: true }), [v5]);
      const live = collecting(socket);
      await once(socket, 'open');
      socket.send(`\u0004${JSON.stringify({ Width: 101, Height: 33 })}`);
      socket.send('\0stty size\n');
      await live.until((text) => text(1).includes('33 101'));
      socket.send(`\u0004${JSON.stringify({ Width: 77, Height: 22 })}`);
      socket.send('\0stty size; exit 5\n');
      const { text } = await live.done;
      expect(text(1)).toContain('22 77');
      expect(JSON.parse(text(3)).details.causes).toEqual([{ reason: 'ExitCode', message: '5' }]);
    });

    it('speaks base64 and the oldest protocol', async () => {
      const path = execPath(['sh', '-c', 'echo out; exit 3']);
      const base64 = cluster.webSocket(path, ['v4.base64.channel.k8s.io']);
      const lines: string[] = [];
      base64.on('message', (data) => lines.push(String(data)));
      await once(base64, 'close');
      expect(lines).toContain(`1${Buffer.from('out\n').toString('base64')}`);
      const oldest = await collected(cluster.webSocket(path, []));
      expect(oldest.text(3)).toContain('exit code 3');
      expect(oldest.text(3)).not.toContain('{');
    });

    it('ends the process upstream when the client goes', async () => {
      const socket = cluster.webSocket(execPath(['cat'], { stdin: true }), [v5]);
      const live = collecting(socket);
      await once(socket, 'open');
      socket.send('\0marker\n');
      await live.until((text) => text(1) === 'marker\n');
      const count = async () =>
        (await collected(cluster.webSocket(execPath(['sh', '-c', 'pidof cat | wc -w']), [v5]))).text(1);
      expect(await count()).toBe('1\n');
      socket.terminate();
      await expect.poll(count, { timeout: 10_000 }).toBe('0\n');
    });
  });

  describe('exec over SPDY', () => {
    it('carries 5 MB to stdin, its end, and 5 MB back', async () => {
      const connection = await cluster.spdy(execPath(['sh', '-c', 'cat; echo end >&2'], { stdin: true }), v4);
      const { open, bytes, closed } = spdyStreams(connection);
      for (const type of ['error', 'stdout', 'stderr']) open(type);
      const stdin = open('stdin');
      stdin.write(megabytes5);
      stdin.end();
      await closed;
      expect(md5(bytes('stdout'))).toBe(md5(megabytes5));
      expect(bytes('stderr').toString()).toBe('end\n');
      expect(JSON.parse(bytes('error').toString())).toMatchObject({ status: 'Success' });
    });

    it('tells what cannot be before it switches protocols', async () => {
      await expect(cluster.spdy(execPath(['true'], {}, 'nobody'), v4)).rejects.toThrow(/^400 .*nobody is not valid/);
      const missing = '/api/v1/namespaces/default/pods/none/exec?command=true&stdout=true';
      await expect(cluster.spdy(missing, v4)).rejects.toThrow(/^404 .*pods \\"none\\" not found/);
      const noStreams = '/api/v1/namespaces/default/pods/web/exec?command=true&container=httpd';
      await expect(cluster.spdy(noStreams, v4)).rejects.toThrow(/^400 you must specify at least 1 of/);
      const socket = cluster.webSocket(execPath(['true']), ['v9.channel.k8s.io']);
      const [error] = await once(socket, 'error');
      expect(String(error)).toContain('400');
    });
  });

  describe('attach', () => {
    it('reaches the standard streams of the container', async () => {
      const socket = cluster.webSocket(attachPath('cat'), [v5]);
      const live = collecting(socket);
      await once(socket, 'open');
      socket.send('\0one\n');
      await live.until((text) => text(1) === 'got one\n');
      socket.close();
      await live.done;
    });

    it('follows the container in having a terminal', async () => {
      const socket = cluster.webSocket(attachPath('shell'), [v5]);
      const live = collecting(socket);
      await once(socket, 'open');
      socket.send(`\u0004${JSON.stringify({ Width: 60, Height: 20 })}`);
      socket.send('\0stty size\n');
      await live.until((text) => text(1).includes('20 60'));
      socket.close();
      await live.done;
    });
  });

  describe('port-forward', () => {
    it('has a pair of channels for each port', async () => {
      const path = '/api/v1/namespaces/default/pods/web/portforward?ports=8080';
      const socket = cluster.webSocket(path, [v4]);
      const live = collecting(socket);
      await once(socket, 'open');
      socket.send('\0GET /a HTTP/1.0\r\n\r\n');
      const { bytes, text } = await live.done;
      expect([bytes(0).readUInt16LE(0), bytes(1).readUInt16LE(0)]).toEqual([8080, 8080]);
      expect(text(0)).toMatch(/200 OK[^]*hello\n$/);
      expect(bytes(1).length).toBe(2);
    });

    it('says why a port cannot be reached', async () => {
      const path = '/api/v1/namespaces/default/pods/web/portforward?ports=8081';
      const { bytes, text } = await collected(cluster.webSocket(path, [v4]));
      expect(bytes(0).length).toBe(2);
      expect(text(1)).toMatch(/refused/);
    });
  });

  it('lets nobody but the API server near the node', async () => {
    const answer = run('curl', [
      '-sk',
      '-o/dev/null',
      '-w%{http_code}',
      '-HConnection: Upgrade',
      '-HUpgrade: SPDY/3.1',
      '-XPOST',
      `https://127.0.0.1:${cluster.nodePort}/exec/default/web/httpd?command=true&output=1`,
    ]);
    expect((await answer).stdout).toBe('401');
  });

  describe('kubectl', () => {
    let program: string;
    beforeAll(async () => {
      program = await findKubectl(fileURLToPath(new URL('../..', import.meta.url)), { run: runCommand });
    });
    const kubectl = (args: string[], { input = '' as string | Buffer, env = {} as Record<string, string> } = {}) =>
      new Promise<{ code: number | null; stdout: Buffer; stderr: string }>((resolve, reject) => {
        const child = spawn(program, ['--kubeconfig', cluster.kubeconfig, ...args], {
          env: { ...process.env, ...env },
        });
        const [out, err]: Buffer[][] = [[], []];
        child.stdout.on('data', (chunk: Buffer) => out?.push(chunk));
        child.stderr.on('data', (chunk: Buffer) => err?.push(chunk));
        child.on('error', reject);
        child.on('close', (code) =>
          resolve({ code, stdout: Buffer.concat(out ?? []), stderr: Buffer.concat(err ?? []).toString() }),
        );
        child.stdin.end(input);
      });

    const protocols: Record<string, Record<string, string>> = {
      WebSocket: {},
      SPDY: { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false', KUBECTL_PORT_FORWARD_WEBSOCKETS: 'false' },
    };
    for (const [name, env] of Object.entries(protocols)) {
      it(`runs commands over ${name}`, async () => {
        const exec = ['exec', '-i', 'web', '-c', 'httpd', '--'];
        const failing = await kubectl([...exec, 'sh', '-c', 'echo out; echo err >&2; exit 3'], { env });
        expect(failing.code).toBe(3);
        expect(failing.stdout.toString()).toBe('out\n');
        expect(failing.stderr).toMatch(/^err\n/);
        const piped = await kubectl([...exec, 'cat'], { env, input: megabytes5 });
        expect(piped).toMatchObject({ code: 0, stderr: '' });
        expect(md5(piped.stdout)).toBe(md5(megabytes5));
        const missing = await kubectl(['exec', 'web', '-c', 'nobody', '--', 'true'], { env });
        expect(missing.code).toBe(1);
        expect(missing.stderr).toContain('container nobody is not valid for pod web');
      });

      it(`forwards ports over ${name}`, async () => {
        const args = ['--kubeconfig', cluster.kubeconfig, 'port-forward', '--address=127.0.0.1', 'web', ':8080'];
        const child = spawn(program, args, { env: { ...process.env, ...env } });
        try {
          const port = await new Promise<string>((resolve, reject) => {
            child.stdout.on('data', (text: Buffer) => {
              const found = /127.0.0.1:(\d+)/.exec(text.toString())?.[1];
              if (found) resolve(found);
            });
            child.stderr.on('data', (text: Buffer) => reject(new Error(text.toString())));
          });
          const all = await Promise.all([1, 2, 3].map(() => get(`http://127.0.0.1:${port}/a`)));
          expect(all).toEqual(['hello\n', 'hello\n', 'hello\n']);
        } finally {
          child.kill();
        }
      });
    }

    it('runs commands for who may `get` and `create` them, not for who may only `get`', async () => {
      const grant = async (name: string, verbs: string[]) => {
        const metadata = { namespace: 'default', name };
        const rules = [
          { apiGroups: [''], resources: ['pods'], verbs: ['get'] },
          { apiGroups: [''], resources: ['pods/exec'], verbs },
        ];
        await cluster.client.create(roles, { metadata, rules });
        const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name };
        await cluster.client.create(rolebindings, { metadata, roleRef, subjects: [{ kind: 'User', name }] } as never);
      };
      await grant('runner', ['get', 'create']);
      await grant('reader', ['get']);
      const exec = (as: string) => kubectl(['exec', `--as=${as}`, 'web', '-c', 'httpd', '--', 'echo', 'hi']);
      const ran = await exec('runner');
      expect([ran.code, ran.stdout.toString()]).toEqual([0, 'hi\n']);
      // kubectl tries again with a POST, and tells of that.
      expect(await exec('reader')).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('cannot create resource'),
      });
    });

    it('attaches, and copies files both ways', async () => {
      const attached = spawn(program, ['--kubeconfig', cluster.kubeconfig, 'attach', '-i', 'web', '-c', 'cat']);
      attached.stdin.write('two\n');
      const [said] = await once(attached.stdout, 'data');
      expect(String(said)).toBe('got two\n');
      attached.kill();
      const folder = cluster.kubeconfig.replace(/kubeconfig$/, '');
      await run('sh', ['-c', 'printf %s "$1" >"$2/sent"', 'sh', 'a file', folder]);
      const sent = await kubectl(['cp', '-c', 'httpd', `${folder}sent`, 'web:/w/sent']);
      expect(sent).toMatchObject({ code: 0 });
      await kubectl(['cp', '-c', 'httpd', 'web:/w/sent', `${folder}back`]);
      expect((await run('cat', [`${folder}back`])).stdout).toBe('a file');
    });

    it('reads logs', async () => {
      const { stdout } = await kubectl(['logs', 'web', '-c', 'cat']);
      expect(stdout.toString()).toContain('got two\n');
    });
  });
}

function execPath(command: string[], { stdin = false, tty = false } = {}, container = 'httpd'): string {
  const query = new URLSearchParams({ container, stdout: 'true' });
  for (const word of command) query.append('command', word);
  if (stdin) query.set('stdin', 'true');
  query.set(tty ? 'tty' : 'stderr', 'true');
  return `/api/v1/namespaces/default/pods/web/exec?${query}`;
}

const attachPath = (container: string) =>
  `/api/v1/namespaces/default/pods/web/attach?container=${container}&stdin=true&stdout=true&stderr=true`;

interface Collected {
  bytes(channel: number): Buffer;
  text(channel: number): string;
  closeCode: number;
}

/** What comes on each channel until the end. */
const collected = (socket: WebSocket): Promise<Collected> => collecting(socket).done;

function collecting(socket: WebSocket) {
  const channels = new Map<number, Buffer[]>();
  const listeners = new Set<() => void>();
  socket.on('message', (data: Buffer) => {
    const channel = data[0] as number;
    channels.set(channel, [...(channels.get(channel) ?? []), data.subarray(1)]);
    for (const listener of listeners) listener();
  });
  const bytes = (channel: number) => Buffer.concat(channels.get(channel) ?? []);
  const text = (channel: number) => bytes(channel).toString();
  const done = new Promise<Collected>((resolve, reject) => {
    socket.on('error', reject);
    socket.on('close', (closeCode) => resolve({ bytes, text, closeCode }));
  });
  done.catch(() => {});
  const until = (is: (text: (channel: number) => string) => boolean) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (!is(text)) return;
        listeners.delete(look);
        resolve();
      };
      listeners.add(look);
      look();
    });
  return { done, until };
}

function spdyStreams(connection: SpdyConnection) {
  const chunks: Record<string, Buffer[]> = {};
  const open = (streamtype: string): SpdyStream => {
    const list: Buffer[] = [];
    chunks[streamtype] = list;
    return connection.open({ streamtype }, { data: (chunk) => list.push(chunk), end: () => {} });
  };
  return { open, bytes: (type: string) => Buffer.concat(chunks[type] ?? []), closed: connection.closed };
}

function get(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = httpRequest(url, { agent: false }, (answer) => {
      answer.toArray().then((chunks) => resolve(Buffer.concat(chunks).toString()), reject);
    });
    asked.on('error', reject);
    asked.end();
  });
}
