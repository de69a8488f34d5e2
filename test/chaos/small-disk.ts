import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { outputOf, runCommand } from '../../src/host/command.ts';

/** A file system of its own that can be filled to the last byte. */
export class SmallDisk {
  readonly dir: string;

  static async mount(megabytes: number, dir = mkdtempSync(join(tmpdir(), 'knarr-small-'))): Promise<SmallDisk> {
    const args = ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'knarr-small', dir];
    await outputOf(runCommand, { program: 'mount', args });
    return new SmallDisk(dir);
  }

  private constructor(dir: string) {
    this.dir = dir;
  }

  get #filler(): string {
    return join(this.dir, 'filler');
  }

  /** Takes all the space there is. */
  fill(): void {
    const file = openSync(this.#filler, 'a');
    const block = Buffer.alloc(65_536, 1);
    for (let size = block.length; size > 0; ) {
      try {
        writeSync(file, block, 0, size);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
        size = Math.floor(size / 2);
      }
    }
    closeSync(file);
  }

  free(): void {
    rmSync(this.#filler, { force: true });
  }

  async unmount(): Promise<void> {
    await outputOf(runCommand, { program: 'umount', args: [this.dir] });
    rmdirSync(this.dir);
  }
}
