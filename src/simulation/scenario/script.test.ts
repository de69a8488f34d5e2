import { expect, it } from 'vitest';
import { commands } from './commands.ts';
import { parseLine, parseScript, renderScript } from './script.ts';

const text = `# What it is about.
# In two lines.

nodes 2 zone=a
----
0.0s nodes node-1: new

# Said before a step.
apply
  kind: Pod
  metadata: {name: "a b"}
----
`;

it('reads steps and writes them again', () => {
  const steps = parseScript(text);
  expect(steps.map(({ line }) => line)).toEqual(['', 'nodes 2 zone=a', 'apply']);
  expect(steps[2]).toMatchObject({
    comments: ['# Said before a step.'],
    body: '  kind: Pod\n  metadata: {name: "a b"}',
  });
  const outputs = [[], ['0.0s nodes node-1: new'], []];
  expect(renderScript(steps.map((step, i) => ({ ...step, output: outputs[i] })))).toBe(text);
});

it('reads words, options and quotes', () => {
  expect(parseLine('deploy "my web" image=a:1 note="two words" x')).toEqual({
    name: 'deploy',
    words: ['my web', 'x'],
    options: { image: 'a:1', note: 'two words' },
  });
});

it('has commands of different names, each with a usage that begins with its name', () => {
  expect(new Set(commands.map(({ name }) => name)).size).toBe(commands.length);
  for (const { name, usage } of commands) expect(usage).toMatch(new RegExp(`^${name}\\b`));
});
