import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { outputOf, runCommand } from '../../src/host/command.ts';
import { checkoutDisk } from './checkout-disk.ts';
import { cacheDir, type DebianDisk, debianDisk } from './debian-disk.ts';
import { qemuArgs } from './qemu.ts';

/** The disks of one guest; they outlive its power. */
export interface GuestDisks {
  dir: string;
  debian: DebianDisk;
  rootDisk: string;
  checkoutDisk: string;
}

/** Fresh disks: a Debian that has never run (`isStock`: without the packages that knarr needs), and this checkout. */
export async function freshDisks(options: { isStock?: boolean; dist?: string } = {}): Promise<GuestDisks> {
  const debian = await debianDisk();
  await mkdir(cacheDir, { recursive: true });
  const dir = await mkdtemp(join(cacheDir, 'guest-'));
  const checkout = await checkoutDisk(dir, options);
  const overlay = async (backing: string, format: string, name: string) => {
    const file = join(dir, name);
    await outputOf(runCommand, {
      program: 'qemu-img',
      args: ['create', '-q', '-f', 'qcow2', '-b', backing, '-F', format, file],
    });
    return file;
  };
  return {
    dir,
    debian,
    rootDisk: await overlay(options.isStock ? debian.stock : debian.prepared, 'raw', 'root.qcow2'),
    checkoutDisk: await overlay(checkout, 'raw', 'checkout.qcow2'),
  };
}

export const removeDisks = (disks: GuestDisks): Promise<void> => rm(disks.dir, { recursive: true, force: true });

export interface ScriptOptions {
  timeoutMs?: number;
  /** Called with each line of the output when it comes. */
  onLine?: (line: string) => void;
}

export interface GuestResult {
  exitCode: number;
  /** Standard output and error, as they came. */
  output: string;
}

interface Running {
  lines: string[];
  onLine: ScriptOptions['onLine'];
  settle(result: GuestResult): void;
  fail(error: Error): void;
}

export interface GuestOptions {
  disks: GuestDisks;
  memoryMiB?: number;
  extra?: readonly string[];
}

/** Software emulation is 10 to 20 times slower, and other work may share the machine. */
const bootMs = 900_000;
const scriptMs = 900_000;

/** A Debian machine in a QEMU process: commands go in over a serial port, each with its output and exit code. */
export class Guest {
  readonly #qemu: ChildProcessByStdio<Writable, Readable, null>;
  readonly #running = new Map<string, Running>();
  readonly #console: string;
  readonly #ended: Promise<void>;
  #onReady: (() => void)[] = [];
  #next = 1;

  private constructor({ disks, memoryMiB = 2048, extra = [] }: GuestOptions) {
    this.#console = join(disks.dir, 'console.log');
    const args = qemuArgs({ ...disks, consoleLog: this.#console, memoryMiB, extra });
    // It must not outlive us, whatever ends us.
    this.#qemu = spawn('setpriv', ['--pdeathsig', 'KILL', 'qemu-system-x86_64', ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#ended = new Promise((resolve) => this.#qemu.once('close', () => resolve()));
    this.#qemu.stdin.on('error', () => {});
    createInterface({ input: this.#qemu.stdout }).on('line', (line) => this.#receive(line));
    void this.#ended.then(() => this.#fail(new Error('the guest has ended')));
  }

  /** Resolves when the guest takes commands. */
  static async boot(options: GuestOptions): Promise<Guest> {
    const guest = new Guest(options);
    try {
      await guest.#ready();
      return guest;
    } catch (error) {
      await guest.cutPower();
      throw error;
    }
  }

  /** Runs a bash script as root. Rejects when it does not end in time, or the guest does first. */
  run(script: string, { timeoutMs = scriptMs, onLine }: ScriptOptions = {}): Promise<GuestResult> {
    const id = String(this.#next++);
    return new Promise<GuestResult>((resolve, reject) => {
      const timer = setTimeout(() => {
        const { lines = [] } = this.#running.get(id) ?? {};
        this.#running.delete(id);
        reject(new Error(`not done after ${timeoutMs / 1000} s: ${script}\n${lines.slice(-20).join('\n')}`));
      }, timeoutMs);
      this.#running.set(id, {
        lines: [],
        onLine,
        settle: (result) => (clearTimeout(timer), resolve(result)),
        fail: (error) => (clearTimeout(timer), reject(error)),
      });
      this.#qemu.stdin.write(`${id} ${Buffer.from(script).toString('base64')}\n`);
    });
  }

  /** The output of a script that must succeed. */
  async output(script: string, options?: ScriptOptions): Promise<string> {
    const { exitCode, output } = await this.run(script, options);
    if (exitCode !== 0) throw new Error(`exit code ${exitCode}: ${script}\n${output}`);
    return output;
  }

  /** Runs a script until it succeeds; tells what is in its way. */
  async until(script: string, { timeoutMs = scriptMs } = {}): Promise<string> {
    const deadline = Date.now() + timeoutMs;
    for (let last = ''; ; ) {
      const { exitCode, output } = await this.run(script, { timeoutMs });
      if (exitCode === 0) return output;
      if (output !== last) console.log(`not yet: ${output}`);
      last = output;
      if (Date.now() > deadline) throw new Error(`not true after ${timeoutMs / 1000} s: ${script}\n${output}`);
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }

  /** Restarts the guest as a user would; resolves when it takes commands again. */
  async reboot(): Promise<void> {
    const ready = this.#ready();
    void this.run('systemctl reboot').catch(() => undefined);
    await ready;
    this.#fail(new Error('the guest was restarted'));
  }

  /** Shuts the guest down in order. */
  async powerOff({ timeoutMs = 240_000 } = {}): Promise<void> {
    void this.run('systemctl poweroff').catch(() => undefined);
    const timer = setTimeout(() => this.#qemu.kill('SIGKILL'), timeoutMs);
    await this.#ended;
    clearTimeout(timer);
  }

  /** Takes the power away. */
  async cutPower(): Promise<void> {
    this.#qemu.kill('SIGKILL');
    await this.#ended;
  }

  /** The end of what the guest's kernel and systemd said. */
  async consoleTail(lines = 40): Promise<string> {
    const text = await readFile(this.#console, 'utf8').catch(() => '');
    return text.split('\n').slice(-lines).join('\n');
  }

  #ready(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(async () => {
        reject(new Error(`the guest has not booted after ${bootMs / 1000} s\n${await this.consoleTail()}`));
      }, bootMs);
      this.#onReady.push(() => (clearTimeout(timer), resolve()));
      void this.#ended.then(() => (clearTimeout(timer), reject(new Error('the guest has ended'))));
    });
  }

  #receive(line: string): void {
    if (line === 'ready') {
      for (const resolve of this.#onReady.splice(0)) resolve();
      return;
    }
    const [, id, kind, text = ''] = /^(\d+)([|!])(.*)$/.exec(line) ?? [];
    const running = id ? this.#running.get(id) : undefined;
    if (!id || !running) return;
    if (kind === '|') {
      running.lines.push(text);
      running.onLine?.(text);
      return;
    }
    this.#running.delete(id);
    running.settle({ exitCode: Number(text), output: running.lines.join('\n') });
  }

  #fail(error: Error): void {
    for (const [id, running] of [...this.#running]) {
      this.#running.delete(id);
      running.fail(error);
    }
  }
}
