/**
 * Makes what `import … from 'knarr/testing'` needs of an installed package, beside the program: the library as a CommonJS
 * file (Jest, older code) and its types. `npm run build` runs it; starting the program does not need it.
 */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { build } from 'esbuild';
import { outputOf, runCommand } from '../src/host/command.ts';

const root = join(import.meta.dirname, '..');

await build({
  entryPoints: [join(root, 'src/testing/testing.ts')],
  outfile: join(root, 'dist/testing.cjs'),
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  // Jest has no dynamic import without a flag: what is loaded late is in the file.
  external: ['lmdb'],
  logLevel: 'warning',
});

const emitted = join(root, '.cache/types');
rmSync(emitted, { recursive: true, force: true });
await outputOf(runCommand, {
  program: join(root, 'node_modules/.bin/tsc'),
  args: ['-p', join(root, 'tsconfig.types.json')],
});
const types = join(root, 'dist/types');
rmSync(types, { recursive: true, force: true });
copyReachable('testing/testing.d.ts', new Set());

/** A file of declarations and what it imports, with the names that compiled files have. */
function copyReachable(path: string, seen: Set<string>): void {
  if (seen.has(path)) return;
  seen.add(path);
  const text = readFileSync(join(emitted, path), 'utf8');
  const target = join(types, path);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, text.replaceAll(/(['"])(\.[^'"]*)\.ts\1/g, '$1$2.js$1'));
  for (const [, , imported = ''] of text.matchAll(/(['"])(\.[^'"]*)\.ts\1/g)) {
    copyReachable(relative(emitted, join(emitted, dirname(path), `${imported}.d.ts`)), seen);
  }
}
cpSync(join(types, 'testing/testing.d.ts'), join(types, 'testing/testing.d.cts'));
