import { appendFile, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseLogLine } from './cri-log.ts';
import { parseLogOptions } from './log-options.ts';
import { readLog } from './log-reader.ts';

const nowMs = Date.parse('2026-01-01T00:01:00Z');
const line = (second: number, text: string, { stream = 'stdout', tag = 'F' } = {}) =>
  `2026-01-01T00:00:${String(second).padStart(2, '0')}.123456789Z ${stream} ${tag} ${text}\n`;
const options = (query = '') => parseLogOptions(new URLSearchParams(query), nowMs);

let dir = '';
let path = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'logs-'));
  path = join(dir, '0.log');
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function read(query = '', ended: Promise<void> = Promise.resolve()): Promise<string> {
  const pieces: Buffer[] = [];
  const source = { path, signal: new AbortController().signal, ended };
  for await (const piece of readLog(source, options(query))) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

describe('a log line', () => {
  it('is full or a part', () => {
    expect(parseLogLine('2026-01-01T00:00:00Z stdout F a b')).toEqual({
      time: '2026-01-01T00:00:00Z',
      stream: 'stdout',
      content: 'a b\n',
    });
    expect(parseLogLine('2026-01-01T00:00:00Z stderr P a')?.content).toBe('a');
    expect(parseLogLine('2026-01-01T00:00:00Z stdout F ')?.content).toBe('\n');
    expect(parseLogLine('torn')).toBeUndefined();
  });
});

describe('reading a log', () => {
  beforeEach(() =>
    writeFile(
      path,
      [line(1, 'one'), line(2, 'two ', { tag: 'P' }), line(2, 'parts'), line(3, 'bad', { stream: 'stderr' })].join(''),
    ),
  );

  it.each([
    ['', 'one\ntwo parts\nbad\n'],
    ['tailLines=1', 'bad\n'],
    ['tailLines=0', ''],
    ['tailLines=100', 'one\ntwo parts\nbad\n'],
    ['limitBytes=5', 'one\nt'],
    ['stream=Stderr', 'bad\n'],
    ['sinceTime=2026-01-01T00:00:02Z', 'two parts\nbad\n'],
    ['sinceSeconds=57', 'bad\n'],
    ['timestamps=true&tailLines=1', '2026-01-01T00:00:03.123456789Z bad\n'],
  ])('with %s', async (query, text) => expect(await read(query)).toBe(text));

  it('finds the tail of a long file', async () => {
    await writeFile(path, Array.from({ length: 5000 }, (_, i) => line(1, `line ${i} ${'x'.repeat(40)}`)).join(''));
    const lines = (await read('tailLines=3000')).trimEnd().split('\n');
    expect([lines.length, lines[0]?.slice(0, 9)]).toEqual([3000, 'line 2000']);
  });

  it('refuses nonsense', () => {
    expect(() => options('tailLines=x')).toThrow('invalid tailLines');
    expect(() => options('sinceTime=never')).toThrow('invalid sinceTime');
  });
});

describe('following a log', () => {
  it('goes on over a rotation and ends with the container, losing nothing', async () => {
    await writeFile(path, line(1, 'first'));
    let end = () => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const seen: string[] = [];
    const source = { path, signal: new AbortController().signal, ended };
    const next = async (iterator: AsyncGenerator<Buffer>) => seen.push(String((await iterator.next()).value));
    const log = readLog(source, options('follow=true'));
    await next(log);
    const second = next(log);
    await appendFile(path, line(2, 'second'));
    await second;
    const third = next(log);
    await rename(path, `${path}.1`);
    await writeFile(path, line(3, 'third'));
    await third;
    const last = next(log);
    await appendFile(path, line(4, 'last'));
    end();
    await last;
    expect(seen).toEqual(['first\n', 'second\n', 'third\n', 'last\n']);
    expect((await log.next()).done).toBe(true);
  });

  it('ends when the reader goes away', async () => {
    await writeFile(path, line(1, 'first'));
    const abort = new AbortController();
    const log = readLog({ path, signal: abort.signal, ended: new Promise(() => {}) }, options('follow=true'));
    await log.next();
    const waiting = log.next();
    abort.abort();
    expect((await waiting).done).toBe(true);
  });
});
