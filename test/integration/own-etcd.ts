import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Ports that are free now. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => new Promise((resolve) => server.on('listening', resolve))));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

interface Member {
  name: string;
  client: string;
  peer: string;
  dir: string;
  process: ChildProcess | undefined;
}

/** A real etcd of our own on the loopback, with its data in a temporary folder. */
export class OwnEtcd {
  readonly #members: Member[];
  readonly #dir: string;

  static async start(size = 1): Promise<OwnEtcd> {
    const dir = await mkdtemp(join(tmpdir(), 'knarr-etcd-'));
    const ports = await freePorts(size * 2);
    const members = Array.from(
      { length: size },
      (_, i): Member => ({
        name: `m${i}`,
        client: `http://127.0.0.1:${ports[2 * i]}`,
        peer: `http://127.0.0.1:${ports[2 * i + 1]}`,
        dir: join(dir, `m${i}`),
        process: undefined,
      }),
    );
    const etcd = new OwnEtcd(dir, members);
    members.forEach((_, i) => etcd.startMember(i));
    await etcd.healthy();
    return etcd;
  }

  private constructor(dir: string, members: Member[]) {
    this.#dir = dir;
    this.#members = members;
  }

  get endpoints(): string[] {
    return this.#members.map(({ client }) => client);
  }

  startMember(i: number): void {
    const member = this.#members[i] as Member;
    const cluster = this.#members.map(({ name, peer }) => `${name}=${peer}`).join(',');
    const args = [
      ...['--name', member.name, '--data-dir', member.dir, '--initial-cluster', cluster],
      ...['--listen-client-urls', member.client, '--advertise-client-urls', member.client],
      ...['--listen-peer-urls', member.peer, '--initial-advertise-peer-urls', member.peer],
      ...['--heartbeat-interval', '50', '--election-timeout', '500', '--logger', 'zap', '--log-level', 'error'],
    ];
    member.process = spawn('/usr/bin/etcd', args, { stdio: 'ignore' });
  }

  /** SIGSTOP, SIGCONT. */
  signalMember(i: number, signal: NodeJS.Signals): void {
    this.#members[i]?.process?.kill(signal);
  }

  /** As a power cut ends it. */
  async killMember(i: number): Promise<void> {
    const running = this.#members[i]?.process;
    if (!running || running.exitCode !== null || running.signalCode !== null) return;
    const ended = new Promise((resolve) => running.on('close', resolve));
    running.kill('SIGKILL');
    await ended;
  }

  /** Resolves when every running member serves consistent reads. */
  async healthy(): Promise<void> {
    for (const { client, process } of this.#members) {
      if (!process || process.signalCode !== null) continue;
      for (;;) {
        if (process.exitCode !== null) throw new Error(`etcd ended with ${process.exitCode}`);
        const answer = await fetch(`${client}/health`).then(
          (response) => response.json() as Promise<{ health?: string }>,
          () => undefined,
        );
        if (answer?.health === 'true') break;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#members.map((_, i) => this.killMember(i)));
    await rm(this.#dir, { recursive: true, force: true });
  }
}
