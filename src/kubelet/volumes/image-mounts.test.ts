import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ImageFiles } from '../../cri/cri.ts';
import type { Command } from '../../host/command.ts';
import { PodPaths } from '../pod-paths.ts';
import { ImageMounts, mountArgs } from './image-mounts.ts';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'image-mounts-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

describe('mounting the files of an image', () => {
  it('binds a single layer', () => {
    const view = { type: 'bind', source: '/layers/7/fs', options: ['ro', 'rbind'] };
    expect(mountArgs(view, '/to')).toEqual({ args: ['-o', 'ro,rbind', '/layers/7/fs', '/to'] });
  });

  it('lays many upon each other, by names short enough for the kernel', () => {
    const far = '/a/very/long/folder/of/layers'.repeat(8);
    const layers = Array.from({ length: 100 }, (_, i) => `${far}/${i}/fs`);
    const view = { type: 'overlay', source: 'overlay', options: ['index=off', `lowerdir=${layers.join(':')}`] };
    const { args, cwd } = mountArgs(view, '/to');
    expect(cwd).toBe(far);
    expect(args.slice(0, 3)).toEqual(['-t', 'overlay', '-o']);
    expect(args[3]).toMatch(/^ro,index=off,lowerdir=0\/fs:1\/fs:.*:99\/fs$/);
    expect(args[3]?.length).toBeLessThan(4096);
    expect(args.slice(4)).toEqual(['overlay', '/to']);
  });

  it('mounts once for containers that start together, and lets go of all when the pod ends', async () => {
    const views = new Set<string>();
    const files: ImageFiles = {
      view: async (image, key) => {
        views.add(key);
        return { type: 'bind', source: `/layers/${image}`, options: ['ro', 'rbind'] };
      },
      release: async (key) => void views.delete(key),
    };
    const commands: Command[] = [];
    const run = async (command: Command) => {
      commands.push(command);
      return { exitCode: 0, stdout: '', stderr: '' };
    };
    const paths = new PodPaths(dir);
    const mounts = new ImageMounts({ files, paths, run });
    const folder = paths.volumeDir('uid', 'image', 'data');
    await mkdir(folder, { recursive: true });
    const mount = { name: 'data', image: 'model:1', dir: folder };
    await Promise.all([mounts.mount('uid', mount), mounts.mount('uid', mount)]);
    expect(commands.map(({ args }) => args.at(-2))).toEqual(['/layers/model:1']);
    expect(views.size).toBe(1);
    await mounts.teardown('uid');
    await mounts.teardown('another');
    expect(views.size).toBe(0);
    expect(await readdir(join(folder, '..'))).toEqual([]);
  });

  it('tells the container why the image cannot be mounted', async () => {
    const view = () => Promise.reject(new Error('no such layer'));
    const files = { view, release: async () => {} };
    const mounts = new ImageMounts({
      files,
      paths: new PodPaths(dir),
      run: () => Promise.reject(new Error('not run')),
    });
    await expect(mounts.mount('uid', { name: 'data', image: 'model:1', dir })).rejects.toMatchObject({
      reason: 'ImageVolumeMountFailed',
      message: 'failed to mount image "model:1" for volume "data": no such layer',
    });
  });
});
