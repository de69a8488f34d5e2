import { describe, expect, it } from 'vitest';
import type { RunCommand } from '../host/command.ts';
import { ensurePrerequisites, installPrerequisites, missingPrerequisites, prerequisites } from './prerequisites.ts';
import type { Steps } from './steps.ts';

const there = { anyOf: ['/no/such/file', '/bin/sh'], debianPackage: 'dash', why: 'is a shell' };
const missing = { anyOf: ['/no/such/file'], debianPackage: 'nosuch', why: 'does something' };

describe('prerequisites', () => {
  it('are missing when none of their files is there', async () => {
    expect(await missingPrerequisites([there, missing])).toEqual([missing]);
    expect(prerequisites.every(({ anyOf, debianPackage, why }) => anyOf.length > 0 && debianPackage && why)).toBe(true);
  });

  it('are installed with apt-get, after an update when that is needed', async () => {
    const ran: string[] = [];
    const run: RunCommand = async ({ program, args }) => {
      ran.push([program, ...args].join(' '));
      const isFirst = ran.length === 1;
      return { exitCode: isFirst ? 100 : 0, stdout: '', stderr: 'Unable to locate package' };
    };
    await installPrerequisites([missing, missing], { run, aptGet: '/bin/sh' });
    const install = 'env DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends nosuch';
    expect(ran).toEqual([install, 'env DEBIAN_FRONTEND=noninteractive apt-get -q -y update', install]);
  });

  it('that cannot be installed are named, with the reason, and the command for doing it by hand', async () => {
    const run: RunCommand = async () => ({ exitCode: 100, stdout: '', stderr: 'E: no network\n' });
    await expect(installPrerequisites([missing], { run, aptGet: '/bin/sh' })).rejects.toMatchObject({
      message: 'missing: nosuch (does something); apt-get could not install it: E: no network',
      next: expect.stringContaining('apt-get update && apt-get install --no-install-recommends nosuch'),
    });
    await expect(installPrerequisites([missing], { run, aptGet: '/no/such/file' })).rejects.toMatchObject({
      message: 'missing: nosuch (does something)',
      next: expect.stringContaining('package manager'),
    });
  });

  it('that are optional keep no cluster from coming up', async () => {
    const ran: string[] = [];
    const notes: string[] = [];
    const run: RunCommand = async ({ program, args }) => {
      ran.push([program, ...args].join(' '));
      return { exitCode: 100, stdout: '', stderr: 'E: no network' };
    };
    const steps = { run: (_: string, work: () => Promise<void>) => work(), note: (text: string) => notes.push(text) };
    const optional = { ...missing, isOptional: true };
    await ensurePrerequisites({ run, steps: steps as unknown as Steps }, [there, optional]);
    expect(ran).toEqual([expect.stringMatching(/Timeout=10 install --no-install-recommends nosuch$/)]);
    expect(notes).toEqual([expect.stringContaining('goes on without nosuch (does something)')]);
  });
});
