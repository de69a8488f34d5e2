import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ensureCluster, findCluster, listClusters, withCluster } from './cluster-identity.ts';
import { checkFormat, ensureFormat, NewerFormatError } from './folder-format.ts';

let home: string;
beforeEach(() => {
  home = join(mkdtempSync(join(tmpdir(), 'knarr-home-')), 'home');
});
afterEach(() => rmSync(join(home, '..'), { recursive: true, force: true }));

describe('clusters of one machine', () => {
  it('get networks and ports of their own, also when made at the same time', async () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const made = await Promise.all(names.map((name) => ensureCluster(home, name)));
    expect(made.map(({ index }) => index).sort()).toEqual([0, 1, 2, 3, 4]);
    for (const field of ['apiPort', 'apiUrl', 'dir', 'kubeconfig'] as const) {
      expect(new Set(made.map((layout) => layout[field])).size, field).toBe(names.length);
    }
    for (const field of ['serviceCIDR', 'podCIDR', 'fabricCIDR', 'table', 'hostLink', 'fabricNamespace'] as const) {
      expect(new Set(made.map(({ network }) => network[field])).size, field).toBe(names.length);
    }
  });

  it('made by two commands at once is one cluster', async () => {
    const [one, other] = await Promise.all([ensureCluster(home, 'a'), ensureCluster(home, 'a')]);
    expect(one).toEqual(other);
    expect(await listClusters(home)).toHaveLength(1);
  });

  it('keep their index, and give it back when they go', async () => {
    await ensureCluster(home, 'a');
    const b = await ensureCluster(home, 'b');
    rmSync(join(home, 'a'), { recursive: true });
    expect((await ensureCluster(home, 'b')).index).toBe(b.index);
    expect((await ensureCluster(home, 'c')).index).toBe(0);
    await expect(ensureCluster(home, 'No')).rejects.toThrow('cannot name a cluster');
  });

  it('of a newer knarr are refused, and still hold their index', async () => {
    const { identityFile } = await ensureCluster(home, 'a');
    writeFileSync(identityFile, JSON.stringify({ format: 7, name: 'a', index: 0 }));
    await expect(findCluster(home, 'a')).rejects.toThrow(NewerFormatError);
    await expect(findCluster(home, 'a')).rejects.toThrow('format 7; this one knows up to 1');
    expect((await ensureCluster(home, 'b')).index).toBe(1);
  });

  it('are made again when they were purged while a command waited', async () => {
    const order: string[] = [];
    let second: Promise<unknown> | undefined;
    await withCluster({ home, name: 'a', onWait: () => {} }, async (layout) => {
      await new Promise<void>((waiting) => {
        second = withCluster({ home, name: 'a', onWait: waiting }, async ({ identityFile }) => {
          order.push(readFileSync(identityFile, 'utf8'));
        });
      });
      rmSync(layout.dir, { recursive: true });
      order.push('purged');
    });
    await second;
    expect(order).toEqual(['purged', expect.stringContaining('"name": "a"')]);
  });
});

describe('the format of a folder', () => {
  it('is written once, and a newer one is refused without a change', async () => {
    const dir = join(home, 'nodes/n1');
    await ensureFormat(dir, 1);
    await ensureFormat(dir, 1);
    expect(readFileSync(join(dir, 'format'), 'utf8')).toBe('1\n');
    await ensureFormat(dir, 2);
    await expect(ensureFormat(dir, 1)).rejects.toThrow(`${dir} was written by a newer knarr (format 2;`);
    expect(readFileSync(join(dir, 'format'), 'utf8')).toBe('2\n');
  });

  it('is the first one in a folder that has none', async () => {
    await expect(checkFormat(home, 1)).resolves.toBeUndefined();
  });
});
