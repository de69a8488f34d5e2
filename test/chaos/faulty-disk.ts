import {
  existsSync,
  openSync,
  closeSync,
  ftruncateSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Rng } from '../../src/base/rng.ts';
import { outputOf, runCommand } from '../../src/host/command.ts';

/** How a disk can be wrong. A flush that lies does nothing and says that it did. */
export type Fault =
  | 'flush fails'
  | 'write fails'
  | 'flush lies'
  | 'power goes before a flush'
  | 'power goes after a flush'
  | 'power goes after a durable write';
const letters: Record<Fault, string> = {
  'flush fails': 's',
  'write fails': 'w',
  'flush lies': 'l',
  'power goes before a flush': 'b',
  'power goes after a flush': 'a',
  'power goes after a durable write': 'd',
};

/** One write to the file, as `disk-faults.c` records it. */
export interface DiskRecord {
  kind: 'U' | 'D';
  offset: number;
  bytes: Buffer;
  /** Of the file, before the write. */
  size: number;
}

export interface Block {
  offset: number;
  bytes: Buffer;
}

const headBytes = 32;
const blockBytes = 4096;

/** The last record may be torn: its write has not happened then. */
export function parseLog(log: Buffer): DiskRecord[] {
  const records: DiskRecord[] = [];
  for (let at = 0; at + headBytes <= log.length; ) {
    const [kind, offset, length, size] = [0, 8, 16, 24].map((i) => Number(log.readBigUInt64LE(at + i)));
    const start = at + headBytes;
    at = start + (length ?? 0);
    if (at > log.length) break;
    const bytes = log.subarray(start, at);
    records.push({ kind: kind === 0x44 ? 'D' : 'U', offset: offset ?? 0, bytes, size: size ?? 0 });
  }
  return records;
}

/**
 * What has to be written back so that the file is as the last flush left it: the oldest bytes of each block that was
 * written since, with what was written durably in between. A block is the unit that a disk writes whole.
 */
export function undoOf(records: readonly DiskRecord[]): { blocks: Block[]; size: number | undefined } {
  const blocks = new Map<number, Block>();
  for (const { kind, offset, bytes } of records) {
    for (let at = 0; at < bytes.length; ) {
      const position = offset + at;
      const length = Math.min(blockBytes - (position % blockBytes), bytes.length - at);
      const piece = bytes.subarray(at, at + length);
      const first = position - (position % blockBytes);
      const block = blocks.get(first);
      if (kind === 'D' && block) overlay(block, { offset: position, bytes: piece });
      else if (kind === 'U' && !block) blocks.set(first, { offset: position, bytes: Buffer.from(piece) });
      at += length;
    }
  }
  return { blocks: [...blocks.values()], size: records.find(({ kind }) => kind === 'U')?.size };
}

function overlay(block: Block, { offset, bytes }: Block): void {
  const target = offset - block.offset;
  if (target >= 0 && target < block.bytes.length) bytes.copy(block.bytes, target);
}

/** A disk under one file of the server, that can be told to fail and whose power can be cut. */
export class FaultyDisk {
  readonly #file: string;
  readonly #dir: string;

  /** Builds the library; `dir` takes it and its notes, and must be on a disk that works. */
  static async prepare(dir: string, file: string): Promise<FaultyDisk> {
    const source = join(import.meta.dirname, 'disk-faults.c');
    const args = ['-O2', '-Wall', '-Werror', '-shared', '-fPIC', '-o', join(dir, 'disk-faults.so'), source];
    await outputOf(runCommand, { program: 'gcc', args });
    return new FaultyDisk(dir, file);
  }

  private constructor(dir: string, file: string) {
    this.#dir = dir;
    this.#file = file;
  }

  get env(): Record<string, string> {
    return {
      LD_PRELOAD: join(this.#dir, 'disk-faults.so'),
      KNARR_DISK_FILE: this.#file,
      KNARR_DISK_LOG: this.#log,
      KNARR_DISK_FAULT: this.#faultFile,
    };
  }

  get #log(): string {
    return join(this.#dir, 'disk.log');
  }

  get #faultFile(): string {
    return join(this.#dir, 'disk.fault');
  }

  /** From now on this is wrong; undefined: nothing is. */
  fault(fault: Fault | undefined): void {
    if (fault) writeFileSync(this.#faultFile, letters[fault]);
    else rmSync(this.#faultFile, { force: true });
  }

  /**
   * After the process was killed: the disk as a power cut leaves it. Of what was not flushed nothing has reached the disk,
   * or, with `rng`, any half of the blocks. Answers how many blocks were lost.
   */
  cutPower(rng?: Rng): number {
    if (!existsSync(this.#log)) return 0;
    const { blocks, size } = undoOf(parseLog(readFileSync(this.#log)));
    const lost = blocks.filter(() => !rng || rng.next() < 0.5);
    const file = openSync(this.#file, 'r+');
    for (const { offset, bytes } of lost) writeSync(file, bytes, 0, bytes.length, offset);
    if (size !== undefined && lost.length === blocks.length) ftruncateSync(file, size);
    closeSync(file);
    rmSync(this.#log);
    return lost.length;
  }
}
