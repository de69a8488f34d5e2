import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { realClock } from '../../src/base/clock.ts';
import { eventually } from '../../src/cluster/admin-client.ts';
import { EtcdMembers } from '../../src/cluster/etcd/etcd-members.ts';
import { configureMember, type EtcdLayout, etcdService, hasEtcd } from '../../src/cluster/etcd/etcd-service.ts';
import { layoutOf } from '../../src/cluster/layout.ts';
import { runCommand } from '../../src/host/command.ts';
import { ensureEtcdPki } from '../../src/pki/etcd-pki.ts';
import { EtcdClient } from '../../src/store/etcd/etcd-client.ts';

const deps = { clock: realClock, run: runCommand };

/** Debian's etcd with the configuration of a cluster's member, on a loopback address that stands for a machine. */
class MemberProcess {
  readonly layout: EtcdLayout;
  #child: ChildProcess | undefined;

  constructor(home: string, index: number, address: string) {
    const layout = layoutOf({ name: 'members', index, home: join(home, address), advertise: address, hasEtcd: true });
    if (!hasEtcd(layout)) throw new Error('a layout without etcd');
    this.layout = layout;
    mkdirSync(layout.etcd.dir, { recursive: true });
  }

  members(): EtcdMembers {
    return new EtcdMembers(deps, this.layout, [this.layout.etcd.localUrl]);
  }

  start(): void {
    const { command, env } = etcdService(this.layout);
    const [program, ...args] = command as [string, ...string[]];
    this.#child = spawn(program, args, { stdio: 'ignore', env: { ...process.env, ...env } });
  }

  /** Resolves when the program has ended by itself. */
  async ended(): Promise<void> {
    if (this.#child && this.#child.exitCode === null) await once(this.#child, 'exit');
  }

  async stop(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.ended();
  }
}

describe('the members of the etcd of a cluster', () => {
  let home: string;
  let first: MemberProcess;
  let second: MemberProcess;
  const answering = (of: MemberProcess) =>
    eventually(realClock, { what: 'etcd', timeoutMs: 60_000 }, () => of.members().list());

  beforeAll(() => {
    home = mkdtempSync(join(tmpdir(), 'knarr-members-'));
    // Numbers beyond those of real clusters: their ports are free.
    first = new MemberProcess(home, 71, '127.78.0.1');
    second = new MemberProcess(home, 72, '127.78.0.2');
  });
  afterAll(async () => {
    await second.stop();
    await first.stop();
    rmSync(home, { recursive: true, force: true });
  });

  it('begin with one, which answers nobody without a certificate of theirs', async () => {
    await configureMember(deps, first.layout);
    first.start();
    expect(await answering(first)).toMatchObject([
      { name: '127.78.0.1', clientUrls: [first.layout.etcd.clientUrl], isLearner: false },
    ]);
    const ca = readFileSync(join(first.layout.pkiDir, 'etcd-ca.crt'), 'utf8');
    const stranger = new EtcdClient(deps, { endpoints: [first.layout.etcd.localUrl], tls: { ca } });
    await expect(stranger.kv.Range({ key: Buffer.from('a') } as never)).rejects.toThrow();
    stranger.close();
  });

  it('are more when one has been added, has caught up and votes', async () => {
    const { etcd, pkiDir } = second.layout;
    for (const file of ['etcd-ca.crt', 'etcd-ca.key']) cpSync(join(first.layout.pkiDir, file), join(pkiDir, file));
    await ensureEtcdPki(pkiDir, { clock: realClock, address: etcd.address });
    const known = await first.members().list();
    await first.members().addLearner(etcd);
    // One that does not come yet is waited for by nobody.
    expect((await first.members().list()).map(({ isLearner }) => isLearner).sort()).toEqual([false, true]);
    await expect(first.members().promote(etcd.peerUrl)).rejects.toThrow();
    await configureMember(deps, second.layout, Object.fromEntries(known.map(({ name, peerUrl }) => [name, peerUrl])));
    second.start();
    await eventually(realClock, { what: 'the member to vote', timeoutMs: 60_000 }, async () => {
      await first.members().promote(etcd.peerUrl);
      return true;
    });
    expect((await answering(second)).map(({ name, isLearner }) => [name, isLearner]).sort()).toEqual([
      ['127.78.0.1', false],
      ['127.78.0.2', false],
    ]);
  });

  it('are asked by a server that knows several, with the name of the first', async () => {
    const { pkiDir } = first.layout;
    const [ca, cert, key] = ['etcd-ca.crt', 'etcd.crt', 'etcd.key'].map((f) => readFileSync(join(pkiDir, f), 'utf8'));
    // Nobody listens at the first one's port: the second answers.
    const endpoints = ['https://127.0.0.1:1', second.layout.etcd.clientUrl];
    const client = new EtcdClient(deps, { endpoints, tls: { ca: ca as string, cert, key } });
    expect(await client.kv.Range({ key: Buffer.from('a') } as never)).toMatchObject({ header: { revision: 1 } });
    client.close();
  });

  it('are fewer when one has left, and its program ends', async () => {
    await second.members().remove(second.layout.etcd.peerUrl);
    await second.ended();
    expect((await answering(first)).map(({ name }) => name)).toEqual(['127.78.0.1']);
  });
});
