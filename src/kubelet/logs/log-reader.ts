import { watch } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { parseLogLine } from './cri-log.ts';
import type { LogOptions } from './log-options.ts';

const chunkBytes = 64 * 1024;
/** The runtime cuts lines at 16 KiB: a longer one without an end is no log. */
const maxLineBytes = 1024 * 1024;

export interface LogSource {
  path: string;
  /** Aborted when the reader goes away. */
  signal: AbortSignal;
  /** Resolves when the container has ended: what is in the file by then is all there will be. */
  ended: Promise<void>;
}

/** The log as a client wants it, piece by piece. Follows rotation. Rejects with ENOENT when there is no file. */
export async function* readLog(source: LogSource, options: LogOptions): AsyncGenerator<Buffer> {
  const follower = options.follow ? new Follower(source) : undefined;
  let file = await open(source.path);
  const output = new LineOutput(options);
  try {
    let at = options.tailLines === undefined ? 0 : await tailStart(file, options.tailLines);
    for (;;) {
      // Asked before reading: what is written until the answer is read below.
      const isLast = !follower || follower.isOver;
      for await (const chunk of chunksOf(file, at)) {
        at += chunk.length;
        for (const piece of output.take(chunk)) yield piece;
        if (output.isFull || source.signal.aborted) return;
      }
      if (isLast) return;
      const next = await rotated(source.path, file);
      if (next) {
        await file.close();
        file = next;
        at = 0;
      } else {
        await follower.change();
        if (source.signal.aborted) return;
      }
    }
  } finally {
    follower?.close();
    await file.close();
  }
}

async function* chunksOf(file: FileHandle, from: number): AsyncGenerator<Buffer> {
  for (let at = from; ; ) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(chunkBytes), 0, chunkBytes, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/** The file that now has the name, when it is another one (the log was rotated). */
async function rotated(path: string, file: FileHandle): Promise<FileHandle | undefined> {
  const [named, held] = await Promise.all([stat(path).catch(() => undefined), file.stat()]);
  return named && named.ino !== held.ino ? open(path).catch(() => undefined) : undefined;
}

/** Where the last `lines` full lines begin. Parts of a long line count as one line only in Kubernetes' output, not here. */
async function tailStart(file: FileHandle, lines: number): Promise<number> {
  const { size } = await file.stat();
  if (lines === 0) return size;
  let found = 0;
  for (let end = size; end > 0; end -= chunkBytes) {
    const start = Math.max(end - chunkBytes, 0);
    const { buffer } = await file.read(Buffer.alloc(end - start), 0, end - start, start);
    for (let i = buffer.length - 1; i >= 0; i--) {
      if (buffer[i] !== 10 || start + i === size - 1) continue;
      if (++found === lines) return start + i + 1;
    }
  }
  return 0;
}

/** Turns bytes of the file into bytes for the client. */
class LineOutput {
  readonly #options: LogOptions;
  #rest: Buffer = Buffer.alloc(0);
  #left: number;
  #isLineStart = true;

  constructor(options: LogOptions) {
    this.#options = options;
    this.#left = options.limitBytes ?? Number.POSITIVE_INFINITY;
  }

  /** The byte limit is reached. */
  get isFull(): boolean {
    return this.#left <= 0;
  }

  *take(chunk: Buffer): Generator<Buffer> {
    let data = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    const pieces: Buffer[] = [];
    for (let end = data.indexOf(10); end >= 0; end = data.indexOf(10)) {
      const piece = this.#line(data.subarray(0, end).toString());
      if (piece) pieces.push(piece);
      data = data.subarray(end + 1);
    }
    this.#rest = data.length > maxLineBytes ? Buffer.alloc(0) : Buffer.from(data);
    const all = Buffer.concat(pieces);
    if (all.length === 0) return;
    const allowed = all.subarray(0, Math.min(all.length, this.#left));
    this.#left -= allowed.length;
    if (allowed.length > 0) yield allowed;
  }

  #line(text: string): Buffer | undefined {
    const line = parseLogLine(text);
    if (!line) return undefined;
    const { sinceMs, stream, timestamps } = this.#options;
    if (stream && line.stream !== stream) return undefined;
    if (sinceMs !== undefined && Date.parse(line.time) < sinceMs) return undefined;
    const prefix = timestamps && this.#isLineStart ? `${line.time} ` : '';
    this.#isLineStart = line.content.endsWith('\n');
    return Buffer.from(prefix + line.content);
  }
}

/** Tells of changes of the file and its folder by inotify; never polls. */
class Follower {
  readonly #watcher;
  readonly #signal: AbortSignal;
  #hasChanged = false;
  #isOver = false;
  #wake: () => void = () => {};

  constructor({ path, signal, ended }: LogSource) {
    this.#signal = signal;
    const name = basename(path);
    this.#watcher = watch(dirname(path), (_, changed) => {
      if (changed === null || changed === name) this.#change();
    });
    this.#watcher.on('error', () => this.#end());
    signal.addEventListener('abort', this.#change, { once: true });
    void ended.then(() => this.#end());
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Resolves at the next change, at the container's end, or at once when something changed since the last call. */
  async change(): Promise<void> {
    if (!this.#hasChanged && !this.#isOver && !this.#signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#hasChanged = false;
  }

  close(): void {
    this.#watcher.close();
    this.#signal.removeEventListener('abort', this.#change);
  }

  readonly #change = (): void => {
    this.#hasChanged = true;
    this.#wake();
  };

  #end(): void {
    this.#isOver = true;
    this.#wake();
  }
}
