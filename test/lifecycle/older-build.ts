import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { RealCluster, root, runToEnd } from './real-cluster.ts';

export const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
export const older = '0.0.9';

export interface OlderBuild {
  /** The cluster of this name, as the older build has it. */
  cluster: RealCluster;
  remove(): void;
}

/** The same program with another version in it, in a place of its own: another build. */
export async function olderBuild(name: string): Promise<OlderBuild> {
  // Builds, if need be.
  await runToEnd([join(root, 'knarr'), '--version']);
  const oldRoot = mkdtempSync(join(tmpdir(), 'knarr-older-'));
  cpSync(join(root, 'dist'), join(oldRoot, 'dist'), { recursive: true });
  for (const file of ['node_modules', '.cache']) symlinkSync(join(root, file), join(oldRoot, file));
  const program = join(oldRoot, 'dist/knarr.js');
  const text = readFileSync(program, 'utf8');
  const place = `version:"${version}"`;
  expect(text).toContain(place);
  writeFileSync(program, text.replace(place, `version:"${older}"`));
  const cluster = new RealCluster(name, { program: [process.execPath, program], env: { KNARR_ROOT: oldRoot } });
  const remove = () => {
    rmSync(cluster.userHome, { recursive: true });
    rmSync(oldRoot, { recursive: true });
  };
  return { cluster, remove };
}
