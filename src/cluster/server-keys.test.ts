import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { seededRng } from '../base/rng.ts';
import { writeSecret } from '../pki/files.ts';
import { hasEtcd } from './etcd/etcd-service.ts';
import { layoutOf } from './layout.ts';
import { seal, type ServerKeys, serverKeysOf, unseal, writeServerKeys } from './server-keys.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'knarr-server-keys-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const keys: ServerKeys = {
  index: 3,
  machine: '10.0.0.5',
  members: ['https://10.0.0.5:12385'],
  files: { 'pki/ca.key': 'K' },
};
const rng = seededRng(7);

describe('the keys of a server', () => {
  it('are read by whoever has the key they were sealed with, and by nobody else', () => {
    const key = rng.bytes(32);
    const sealed = seal(keys, key, rng);
    expect(unseal(sealed, key)).toEqual(keys);
    expect(Buffer.from(sealed).toString('latin1')).not.toContain('10.0.0.5');
    expect(() => unseal(sealed, rng.bytes(32))).toThrow();
    const changed = Uint8Array.from(sealed);
    changed[40] = (changed[40] as number) ^ 1;
    expect(() => unseal(changed, key)).toThrow();
  });

  it('are those of the cluster and the files of its configuration; certificates of one machine are not among them', async () => {
    const layout = layoutOf({ name: 'one', index: 3, home: dir, advertise: '10.0.0.5', hasEtcd: true });
    if (!hasEtcd(layout)) return expect.fail();
    const present = [
      'pki/ca.crt',
      'pki/ca.key',
      'pki/sa.key',
      'pki/etcd-ca.key',
      'pki/apiserver.key',
      'config/encryption.yaml',
    ];
    for (const path of present) await writeSecret(join(layout.dir, path), path);
    const made = await serverKeysOf(layout, keys.members);
    expect(Object.keys(made.files).sort()).toEqual(present.filter((path) => !path.includes('apiserver')).sort());
    expect(made).toMatchObject({ index: 3, machine: '10.0.0.5', members: keys.members });
    const other = join(dir, 'other');
    await writeServerKeys(other, made);
    expect(readFileSync(join(other, 'pki/ca.key'), 'utf8')).toBe('pki/ca.key');
    expect(statSync(join(other, 'pki/ca.key')).mode & 0o777).toBe(0o600);
  });

  it('may not name other files', async () => {
    for (const path of ['../../etc/passwd', 'pki/apiserver.crt', 'config/../../x', 'config/a/b'])
      await expect(writeServerKeys(dir, { ...keys, files: { [path]: 'x' } })).rejects.toThrow('unexpected file');
  });
});
