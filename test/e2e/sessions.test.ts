import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Kubectl, kubectlIn } from './kubectl.ts';
import { compare, parseSession } from './session.ts';

const dir = join(import.meta.dirname, 'sessions');

/** Each session has a namespace of its name to itself; its commands build on each other. */
for (const file of readdirSync(dir).sort()) {
  const name = file.replace(/\.txt$/, '');
  describe(name, () => {
    let kubectl: Kubectl;
    beforeAll(async () => {
      kubectl = await kubectlIn(name);
    });
    afterAll(() => kubectl.ok(['delete', 'namespace', name, '--wait=false']));
    for (const [i, step] of parseSession(readFileSync(join(dir, file), 'utf8')).entries()) {
      it(`${i + 1}: kubectl ${step.args.join(' ')}`, async () => {
        for (const [path, content] of Object.entries(step.files))
          await writeFile(join(kubectl.dir, path), content, { mode: 0o755 });
        const { code, stdout, stderr } = await kubectl(step.args, { input: step.stdin, env: step.env });
        const out = compare(step.stdout, stdout);
        const err = compare(step.stderr, stderr);
        expect({ exit: code, stdout: out.actual, stderr: err.actual }).toEqual({
          exit: step.exit,
          stdout: out.expected,
          stderr: err.expected,
        });
      });
    }
  });
}
