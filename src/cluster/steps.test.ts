import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { sleep } from '../base/clock.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import { Steps } from './steps.ts';

function output(terminal: boolean) {
  const stream = Object.assign(new PassThrough(), { isTTY: terminal, columns: 40 });
  return { stream, text: () => String(stream.read() ?? '') };
}

describe('Steps', () => {
  it('writes one plain line for each step where there is no terminal', async () => {
    const clock = new VirtualClock();
    const { stream, text } = output(false);
    const steps = new Steps(clock, stream);
    const done = steps.run(
      'server',
      async (progress) => {
        progress('starting');
        await sleep(clock, 1500);
        return 'https://x';
      },
      (url) => url,
    );
    await clock.advance(1500);
    await done;
    await expect(steps.run('node', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(text()).toBe(`  ✓ ${'server: https://x'.padEnd(58)} 1.50 s\n  ✗ ${'node'.padEnd(58)} 0.00 s\n`);
    expect(steps.records).toEqual([
      { title: 'server', detail: 'https://x', ok: true, seconds: 1.5 },
      { title: 'node', detail: '', ok: false, seconds: 0 },
    ]);
    expect(steps.seconds).toBe(1.5);
  });

  it('shows on a terminal how far it is, in a line that fits and that the result replaces', async () => {
    const clock = new VirtualClock();
    const { stream, text } = output(true);
    const done = new Steps(clock, stream).run('pods', async (progress) => {
      progress(`1 of 3 ready ${'.'.repeat(100)}`);
      await sleep(clock, 1000);
    });
    await clock.advance(1000);
    await done;
    const drawn = text().split('\r\u001b[K');
    expect(drawn).toContain('  … pods 0.00 s');
    expect(drawn).toContain('  … pods: 1 of 3 ready ....... 0.50 s');
    for (const line of drawn) expect(line.trimEnd().length).toBeLessThanOrEqual(line.includes('✓') ? 80 : 40);
    expect(drawn.at(-1)).toBe(`  ✓ ${'pods'.padEnd(58)} 1.00 s\n`);
    expect(clock.nextDue()).toBeUndefined();
  });
});
