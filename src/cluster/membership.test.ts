import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { silentLog } from '../base/log.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import { seededRng } from '../base/rng.ts';
import { writePublic } from '../pki/files.ts';
import { joinCluster } from './join.ts';
import { memberLayout, memberships } from './membership.ts';
import { Steps } from './steps.ts';

it('a machine is a node of one cluster at most, and knows which', async () => {
  const home = await mkdtemp(join(tmpdir(), 'knarr-member-'));
  const clock = new VirtualClock();
  const run = async () => ({ exitCode: 0, stdout: '', stderr: '' });
  const deps = { clock, rng: seededRng(1), log: silentLog, run, steps: new Steps(clock, process.stderr) };
  const program = { command: ['node'], build: { version: '1', id: 'a' }, root: '/' };
  expect(await memberships(join(home, 'none'))).toEqual([]);
  await writePublic(join(home, 'own', 'cluster.json'), JSON.stringify({ format: 1, name: 'own', index: 0 }));
  const member = { format: 1, server: 'https://192.0.2.1:6443', caHash: 'sha256:00', node: 'n', address: '192.0.2.2' };
  await writePublic(memberLayout(home, 'one').file, JSON.stringify(member));
  expect(await memberships(home)).toEqual(['one']);
  const asked = (cluster: string) => joinCluster(deps, { home, cluster, program, name: 'n' });
  await expect(asked('two')).rejects.toThrow('a node of a cluster already, one');
  await expect(asked('own')).rejects.toThrow('has a cluster own of its own');
  await rm(home, { recursive: true });
});
