import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import vm from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type * as Testing from '../../src/testing/testing.ts';

/** The package as others import it: built, in every module system, by runners that give tests globals of their own. */
describe('knarr/testing as a package', () => {
  const root = join(import.meta.dirname, '../..');
  const bundle = join(root, 'dist/testing.cjs');
  // Inside the checkout, so that Node finds the package by its own name.
  const folder = mkdtempSync(join(root, '.cache/package-test-'));
  const run = (file: string, text: string): string => {
    writeFileSync(join(folder, file), text);
    return execFileSync(process.execPath, [join(folder, file)], { encoding: 'utf8', cwd: tmpdir(), timeout: 60_000 });
  };
  beforeAll(() => {
    execFileSync('npm', ['run', '-s', 'build'], { cwd: root, timeout: 120_000 });
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const body = `
    const cluster = await startCluster({ nodes: 1 });
    await cluster.apply('{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: c, image: i}]}}');
    const pod = await cluster.waitFor(resources.pods, 'p', ({ status }) => status?.phase === 'Running');
    console.log(pod.spec.nodeName, (await cluster.kubeconfig()).includes('https://127.0.0.1:'));
    await cluster.stop();`;

  it('as an ES module', () => {
    expect(run('a.mjs', `import { startCluster, resources } from 'knarr/testing';${body}`)).toBe('node-1 true\n');
  });

  it('as CommonJS', () => {
    const text = `const { startCluster, resources } = require('knarr/testing');(async () => {${body}})()`;
    expect(run('b.cjs', text)).toBe('node-1 true\n');
  });

  it('in a context of its own, without dynamic import, as Jest gives it', async () => {
    const module = { exports: {} as typeof Testing };
    // Jest shares these with its tests, and nothing else of the outer realm.
    const names = [
      'ArrayBuffer',
      'Uint8Array',
      'Buffer',
      'URL',
      'URLSearchParams',
      'AbortController',
      'AbortSignal',
      'TextEncoder',
      'TextDecoder',
    ];
    const more = [
      'setTimeout',
      'clearTimeout',
      'setImmediate',
      'structuredClone',
      'process',
      'crypto',
      'queueMicrotask',
    ];
    const globals = Object.fromEntries([...names, ...more].map((name) => [name, globalThis[name as never]]));
    const context = vm.createContext({ ...globals, console, performance, Event, EventTarget });
    const wrapper = `(function (exports, require, module, __filename, __dirname) {${readFileSync(bundle, 'utf8')}\n})`;
    const load = new vm.Script(wrapper, { filename: bundle }).runInContext(context) as (...args: unknown[]) => void;
    load(module.exports, createRequire(bundle), module, bundle, dirname(bundle));
    const { startCluster, resources } = module.exports;
    const cluster = await startCluster({ clock: 'virtual' });
    const spec = { containers: [{ name: 'c', image: 'i' }] };
    await cluster.apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec });
    const pod = await cluster.waitFor(resources.pods, 'p', ({ status }) => status?.phase === 'Running');
    expect(pod.spec.nodeName).toBe('node-1');
    expect(await cluster.kubeconfig()).toContain('https://127.0.0.1:');
    await cluster.stop();
  });

  it('with types that a strict compiler takes and that know what they are about', () => {
    const uses = (check: string) => `
      import { resources, startCluster } from 'knarr/testing';
      const cluster = await startCluster({ clock: 'virtual', nodes: { count: 2, labels: { zone: 'a' } } });
      await cluster.waitFor(resources.deployments, 'web', (d) => d.status?.${check} === 3);
    `;
    const compile = (file: string, text: string): string => {
      writeFileSync(join(folder, file), text);
      const options = ['--strict', '--noEmit', '--target', 'es2023', '--module', 'nodenext', '--types', 'node'];
      const args = [...options, '--typeRoots', join(root, 'node_modules/@types'), '--ignoreConfig', join(folder, file)];
      try {
        return execFileSync(join(root, 'node_modules/.bin/tsc'), args, { encoding: 'utf8', cwd: folder });
      } catch (error) {
        return (error as { stdout: string }).stdout;
      }
    };
    expect(compile('good.mts', uses('readyReplicas'))).toBe('');
    expect(compile('bad.mts', uses('redyReplicas'))).toContain("Did you mean 'readyReplicas'?");
  });
});
