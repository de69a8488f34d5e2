import { appendFileSync, closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { silentLog } from '../base/log.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import { maxLogBytes, rotateIfLarge, startLogRotation } from './log-rotation.ts';

describe('log rotation', () => {
  const dir = mkdtempSync(join(tmpdir(), 'knarr-log-'));
  const file = join(dir, 'server.log');
  afterAll(() => rmSync(dir, { recursive: true }));

  it('puts a large log aside and loses no line of a writer that keeps its file open', async () => {
    const fd = openSync(file, 'a');
    const lines: string[] = [];
    for (let i = 0; i < 40; i++) {
      const line = `${i} ${'x'.repeat(100)}\n`;
      lines.push(line);
      writeSync(fd, line);
      // Two rotations: the older lines of the first are gone by then, as they should.
      if (i % 13 === 12) expect(await rotateIfLarge(file, 1000)).toBe(true);
    }
    closeSync(fd);
    const kept = readFileSync(`${file}.1`, 'utf8') + readFileSync(file, 'utf8');
    expect(kept).toBe(lines.slice(26).join(''));
    expect(await rotateIfLarge(file, 1000)).toBe(false);
  });

  it('looks every minute, and keeps at most two files of the limit', async () => {
    const clock = new VirtualClock();
    const stop = startLogRotation({ clock, log: silentLog }, [file, join(dir, 'none.log')]);
    appendFileSync(file, Buffer.alloc(maxLogBytes + 1, 'y'));
    await clock.advance(61_000);
    await expect.poll(() => statSync(file).size).toBe(0);
    await expect.poll(() => statSync(`${file}.1`).size).toBeGreaterThan(maxLogBytes);
    stop();
    expect(clock.nextDue()).toBeUndefined();
  });
});
