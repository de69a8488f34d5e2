/** Bundles the program into `dist/`: one file starts twice as fast as two hundred. Native packages stay outside. */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '..');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
/** Each appears whole or not at all. */
const outputs = ['testing', 'knarr'].map((name) => [
  join(root, `dist/${name}.partial.js`),
  join(root, `dist/${name}.js`),
]);

const { outputFiles } = await build({
  entryPoints: [join(root, 'src/bin/knarr.ts'), join(root, 'src/testing/testing.ts')],
  outdir: join(root, 'dist'),
  entryNames: '[name].partial',
  chunkNames: 'chunk-[hash]',
  bundle: true,
  splitting: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  sourcemap: 'linked',
  // V8 keeps the source of what runs: comments would cost megabytes in every process. Lines stay short for stack traces.
  minifyWhitespace: true,
  lineLimit: 160,
  external: ['lmdb', 'pino', '@peculiar/x509', 'reflect-metadata'],
  // Its CommonJS form has no names once it is bundled and imported when it is needed: only a default.
  alias: { yaml: join(root, 'node_modules/yaml/browser/index.js') },
  define: { KNARR_VERSION: JSON.stringify(version) },
  // CommonJS packages inside an ES module ask for these.
  banner: {
    js: "import { createRequire as knarrRequire } from 'node:module';const require = knarrRequire(import.meta.url);const __filename = import.meta.filename;const __dirname = import.meta.dirname;",
  },
  logLevel: 'warning',
  write: false,
});
mkdirSync(join(root, 'dist'), { recursive: true });
// Programs of an earlier build run on, and load parts when they need them: what is there already is not written again.
for (const { path, contents } of outputFiles) {
  if (existsSync(path) && readFileSync(path).equals(contents)) continue;
  writeFileSync(`${path}.partial`, contents);
  renameSync(`${path}.partial`, path);
}
// Nothing that still runs was built so long ago.
const isOld = (path: string): boolean => Date.now() - statSync(path).mtimeMs > 14 * 86_400_000;
const present = new Set(outputFiles.map(({ path }) => path));
for (const path of readdirSync(join(root, 'dist')).map((name) => join(root, 'dist', name)))
  if (/chunk-\w+\.js(\.map)?$/.test(path) && !present.has(path) && isOld(path)) rmSync(path);
// On the disk before the program has its name: a power cut would leave empty files, newer than their sources.
for (const name of readdirSync(join(root, 'dist'))) {
  const file = openSync(join(root, 'dist', name), 'r');
  fsyncSync(file);
  closeSync(file);
}
// Newer than their sources.
const now = new Date();
for (const [partial = '', whole = ''] of outputs) {
  renameSync(partial, whole);
  utimesSync(whole, now, now);
}
