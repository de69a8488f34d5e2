import { describe, expect, it } from 'vitest';
import { checkImports, floors, importsOf } from './check-imports.ts';

const breaches = (path: string, ...imports: string[]) =>
  checkImports([{ path, text: imports.map((name) => `import { a } from '${name}';\n`).join('') }]);

describe('the import table', () => {
  it('lets a room import itself and lower floors', () => {
    expect(breaches('src/kubelet/worker/state.ts', './step.ts', '../kubelet.ts', '../../cri/cri.ts')).toEqual([]);
    expect(breaches('src/bin/knarr.ts', '../cli/cli.ts', '../base/clock.ts', 'node:fs')).toEqual([]);
    expect(breaches('src/host/command.ts', '../base/clock.ts', 'node:child_process')).toEqual([]);
  });

  it('refuses a room on the same floor', () => {
    expect(breaches('src/scheduler/cycle.ts', '../controllers/runtime.ts')).toEqual([
      'src/scheduler/cycle.ts: src/scheduler (floor 4) imports src/controllers/runtime.ts, on the same floor (4)',
    ]);
    expect(breaches('src/host/command.ts', '../api/kind.ts')).toHaveLength(1);
  });

  it('refuses a higher floor, also for a type and a late import', () => {
    const text = "import type { Up } from '../cluster/up.ts';\nconst late = () => import('../bin/knarr.ts');\n";
    expect(checkImports([{ path: 'src/base/heap.ts', text }])).toEqual([
      'src/base/heap.ts: src/base (floor 0) imports src/cluster/up.ts, on a higher floor (5)',
      'src/base/heap.ts: src/base (floor 0) imports src/bin/knarr.ts, on a higher floor (7)',
    ]);
  });

  it('holds for tests too', () => {
    expect(breaches('src/store/replica.test.ts', '../apiserver/front.ts')).toHaveLength(1);
  });

  it('gives fakes and contracts to tests only', () => {
    expect(breaches('src/kubelet/kubelet.test.ts', '../cri/fake.ts', '../cri/cri.contract.ts')).toEqual([]);
    expect(breaches('src/kubelet/kubelet.ts', '../cri/fake.ts')).toEqual([
      'src/kubelet/kubelet.ts: imports src/cri/fake.ts, which is only for tests',
    ]);
    expect(breaches('src/simulation/node.ts', '../cri/fake.ts')).toEqual([]);
  });

  it('keeps I/O out of the rooms that decide', () => {
    expect(breaches('src/api/kinds.ts', 'node:fs/promises')).toEqual([
      'src/api/kinds.ts: src/api does no I/O, but imports node:fs/promises',
    ]);
    expect(breaches('src/api/kinds.test.ts', 'node:fs')).toEqual([]);
    expect(breaches('src/api/kinds.ts', 'node:net', 'node:util')).toEqual([]);
  });

  it('keeps src apart from test, scripts and bench, and knows every room', () => {
    expect(breaches('src/cli/up.ts', '../../scripts/build.ts')).toEqual([
      'src/cli/up.ts: src never imports scripts/build.ts',
    ]);
    expect(breaches('src/shed/tool.ts', '../base/clock.ts')).toHaveLength(1);
    expect(breaches('src/cli/up.ts', '../shed/tool.ts')).toHaveLength(1);
    expect(breaches('test/integration/nft.test.ts', '../../src/proxy/nft.ts')).toEqual([]);
  });

  it('names a room once', () => {
    const all = floors.flat();
    expect(new Set(all).size).toBe(all.length);
  });
});

describe('importsOf', () => {
  it('sees every form, over several lines, and nothing in comments or strings', () => {
    const text = [
      "import {\n  a,\n  type B,\n} from './one.ts';",
      "import './two.ts';",
      "export * from './three.ts';",
      "export { c } from './four.ts';",
      "const d = await import('./five.ts');",
      "// import { e } from './six.ts';",
      'const f = "import { g } from \'./seven.ts\'";',
    ].join('\n');
    expect(importsOf(text).sort()).toEqual(['five', 'four', 'one', 'three', 'two'].map((name) => `./${name}.ts`));
  });
});
