import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { realClock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import { followFiles } from './follow-files.ts';

let folder: string;
let stop = () => {};
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'follow-'));
});
afterEach(async () => {
  stop();
  await rm(folder, { recursive: true });
});

it('tells of files that are written, replaced or made, once for all that come together', async () => {
  let count = 0;
  const [one, other] = [join(folder, 'one'), join(folder, 'other')];
  await writeFile(one, 'a');
  stop = followFiles({ clock: realClock, log: silentLog }, [one, other], () => count++);
  await writeFile(one, 'b');
  await expect.poll(() => count, { timeout: 60_000 }).toBe(1);
  await writeFile(other, 'a');
  await expect.poll(() => count, { timeout: 60_000 }).toBe(2);
  await writeFile(`${one}.tmp`, 'c');
  await rename(`${one}.tmp`, one);
  await expect.poll(() => count, { timeout: 60_000 }).toBe(3);
});

it('does not end where there is no such folder', () => {
  stop = followFiles({ clock: realClock, log: silentLog }, [join(folder, 'none', 'file')], () => {});
});
