import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VirtualClock } from '../../base/virtual-clock.ts';
import { ensureClusterPki } from '../../pki/cluster-pki.ts';
import { LmdbJournal } from '../../store/lmdb/lmdb-journal.ts';
import { ensureCluster, findCluster } from '../cluster-identity.ts';
import { ensureFormat, NewerFormatError } from '../folder-format.ts';
import type { ClusterLayout } from '../layout.ts';
import { backup } from './backup.ts';
import { type BackupManifest, BrokenBackupError } from './manifest.ts';
import { restore, verifyBackup } from './restore.ts';
import { pairWriterProgram } from './test-pair-writer.ts';

describe('a backup', () => {
  const dir = mkdtempSync(join(tmpdir(), 'knarr-backup-test-'));
  const file = join(dir, 'out/a.backup');
  const deps = { clock: new VirtualClock(), version: '1.2.3' };
  let layout: ClusterLayout;
  let manifest: BackupManifest;
  let writer: ChildProcess;

  beforeAll(async () => {
    layout = await ensureCluster(join(dir, 'home'), 'a');
    await ensureClusterPki(layout.pkiDir, { clock: deps.clock });
    await ensureFormat(join(layout.dir, 'nodes/node1'), 1);
    mkdirSync(join(layout.dir, 'nodes/n2'));
    writeFileSync(layout.tokenFile, 'abcdef.0123456789abcdef\n', { mode: 0o600 });
    writeFileSync(layout.networkFile, JSON.stringify({ format: 1, index: 0, ordinals: { n2: 2 } }));
    mkdirSync(join(dir, 'out'));
    const args = ['--import', 'tsx', '--input-type=module', '-e', pairWriterProgram(layout.stateDir)];
    writer = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(writer.stdout as NodeJS.ReadableStream, 'data');
    manifest = await backup(deps, layout, file);
    // The writer is a program of its own: a loaded machine takes its time to start it.
  }, 60_000);
  afterAll(async () => {
    writer.kill();
    await once(writer, 'close');
    rmSync(dir, { recursive: true });
  });

  /** The state of a restored cluster. */
  async function stateOf(home: string): Promise<{ numbers: number[]; revision: number }> {
    const journal = new LmdbJournal(join(home, 'a/state'));
    const { current, revision } = await journal.load();
    const numbers = [...current].map(({ bytes }) => JSON.parse(bytes.toString()).n as number);
    await journal.close();
    return { numbers, revision };
  }

  it('is of one moment, although the server writes on', async () => {
    const later = join(dir, 'out/later.backup');
    const second = await backup(deps, layout, later);
    expect(second.revision).toBeGreaterThan(manifest.revision);
    const revisions: number[] = [];
    for (const [i, from] of [file, later].entries()) {
      const home = join(dir, `home-${i}`);
      await restore(from, { home, cluster: 'a' });
      const { numbers, revision } = await stateOf(home);
      expect(numbers).toHaveLength(2);
      expect(numbers[0]).toBe(numbers[1]);
      revisions.push(revision);
    }
    expect(revisions).toEqual([manifest.revision, second.revision]);
  });

  it('is only for its owner, and leaves nothing else beside it', () => {
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(dir, 'out')).sort()).toEqual(['a.backup', 'later.backup']);
  });

  it('gives a cluster with the same keys, networks, nodes and modes', async () => {
    const home = join(dir, 'same');
    await restore(file, { home });
    const restored = await findCluster(home, 'a');
    expect(restored).toEqual({ ...layout, ...restored, index: layout.index, network: layout.network });
    for (const name of readdirSync(layout.pkiDir)) {
      const [from, to] = [join(layout.pkiDir, name), join(home, 'a/pki', name)];
      expect(readFileSync(to, 'utf8'), name).toBe(readFileSync(from, 'utf8'));
      expect(statSync(to).mode, name).toBe(statSync(from).mode);
    }
    expect(readFileSync(join(home, 'a/join-token'), 'utf8')).toBe('abcdef.0123456789abcdef\n');
    expect(readdirSync(join(home, 'a/nodes')).sort()).toEqual(['n2', 'node1']);
    expect(statSync(join(home, 'a')).mode & 0o777).toBe(0o700);
  });

  it('is not restored over a cluster, and beside one with its networks gets others', async () => {
    const home = join(dir, 'home');
    await expect(restore(file, { home, cluster: 'a' })).rejects.toThrow('there is a cluster "a"');
    await restore(file, { home, cluster: 'b' });
    expect(await findCluster(home, 'b')).toMatchObject({ index: 1, network: { serviceCIDR: '10.97.0.0/16' } });
    expect(JSON.parse(readFileSync(join(home, 'b/network.json'), 'utf8'))).toEqual({
      format: 1,
      index: 1,
      ordinals: { n2: 2 },
    });
    expect(readdirSync(home).sort()).toEqual(['a', 'b']);
  });

  /** The archive with another content, restored. */
  async function changed(change: (tar: Buffer) => Buffer): Promise<unknown> {
    const broken = join(dir, 'broken');
    writeFileSync(broken, gzipSync(change(gunzipSync(readFileSync(file)))));
    return restore(broken, { home: join(dir, 'nothing'), cluster: 'a' }).catch((error: unknown) => error);
  }
  const replaced = (from: string, to: string) => (tar: Buffer) =>
    Buffer.from(tar.toString('latin1').replace(from, to), 'latin1');

  it('is refused when anything of it was changed, cut off or left out', async () => {
    const flipped = readFileSync(file);
    flipped.writeUInt8(flipped.readUInt8(flipped.length >> 1) ^ 0xff, flipped.length >> 1);
    for (const [name, bytes] of Object.entries({
      flipped,
      cut: readFileSync(file).subarray(0, -20),
      half: readFileSync(file).subarray(0, statSync(file).size >> 1),
      text: Buffer.from('no archive'),
    })) {
      writeFileSync(join(dir, 'broken'), bytes);
      const error = await restore(join(dir, 'broken'), { home: join(dir, 'nothing'), cluster: 'a' }).catch(
        (e: unknown) => e,
      );
      expect(error, name).toBeInstanceOf(BrokenBackupError);
    }
    expect(await changed(replaced('abcdef.0123', 'abcdeg.0123'))).toMatchObject({
      message: expect.stringContaining('join-token has another content'),
    });
    expect(await changed(replaced('"revision": ', '"revision":9'))).toBeInstanceOf(BrokenBackupError);
    expect(readdirSync(join(dir, 'nothing'))).toEqual([]);
  });

  it('of a newer knarr is refused as such', async () => {
    expect(await changed(replaced('"format": 1', '"format": 2'))).toBeInstanceOf(NewerFormatError);
    expect(await changed(replaced('"stateFormat": 1', '"stateFormat": 7'))).toBeInstanceOf(NewerFormatError);
  });

  it('can be checked without being restored', async () => {
    expect(await verifyBackup(file, dir)).toEqual(manifest);
    expect(manifest).toMatchObject({ knarr: '1.2.3', cluster: 'a', objects: 2, nodes: ['n2', 'node1'] });
    expect(manifest.files.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['state/data.mdb', 'pki/ca.key', 'pki/sa.key', 'join-token', 'cluster.json']),
    );
    expect(readdirSync(dir).filter((name) => name.startsWith('knarr-verify'))).toEqual([]);
  });
});
