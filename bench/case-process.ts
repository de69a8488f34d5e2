import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '..');

/**
 * Compiles `bench/NAME-case.ts`: a loader in the process would be measured too. `bundle` takes the sources in, and leaves
 * packages outside. Resolves with the program's file.
 */
export async function compileCase(name: string, { bundle }: { bundle: boolean }): Promise<string> {
  const outfile = join(root, `.cache/bench/${name}-case.mjs`);
  await build({
    entryPoints: [join(root, `bench/${name}-case.ts`)],
    outfile,
    ...(bundle ? { bundle, packages: 'external' as const } : {}),
    format: 'esm',
    platform: 'node',
    target: 'node20',
  });
  return outfile;
}

/** Runs it in a process of its own, whose heap may grow to `heapMb`; the numbers that it prints. */
export function runCase(
  program: string,
  args: readonly string[],
  { heapMb, timeoutMs }: { heapMb?: number; timeoutMs?: number } = {},
): number[] {
  const heap = heapMb === undefined ? [] : [`--max-old-space-size=${heapMb}`];
  const output = execFileSync(process.execPath, [...heap, program, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    ...(timeoutMs === undefined ? {} : { timeout: timeoutMs }),
  });
  return JSON.parse(output) as number[];
}
