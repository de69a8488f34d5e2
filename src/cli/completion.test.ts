import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { candidatesFor } from './completion-candidates.ts';
import { completionScripts } from './completion-scripts.ts';
import { createProgram } from './cli.ts';
import { testSurroundings } from './test-surroundings.ts';

describe('candidatesFor', () => {
  const program = createProgram(testSurroundings().at, () => {});
  const ask = (...words: string[]) => candidatesFor(program, words, ['knarr', 'two', 'three']);

  it('offers commands, subcommands and the words of arguments', () => {
    expect(ask('')).toEqual({
      candidates: expect.arrayContaining([
        'up',
        'down',
        'status',
        'kubectl',
        'image',
        'backup',
        'restore',
        'completion',
      ]),
    });
    expect(ask('')).not.toEqual({ candidates: expect.arrayContaining(['__complete']) });
    expect(ask('st')).toEqual({ candidates: ['status'] });
    expect(ask('image', '')).toEqual({ candidates: ['load', 'list', 'rm'] });
    expect(ask('completion', '')).toEqual({ candidates: ['bash', 'zsh', 'fish'] });
  });

  it('offers flags, names of clusters and choices', () => {
    expect(ask('up', '--no')).toEqual({
      candidates: ['--nodes', '--no-demo', '--no-kubeconfig', '--no-serve-removed'],
    });
    expect(ask('status', '--cluster', 't')).toEqual({ candidates: ['two', 'three'] });
    expect(ask('status', '-o', '')).toEqual({ candidates: ['text', 'json'] });
    expect(ask('image', 'list', '--cluster', 'two', '--o')).toEqual({ candidates: ['--output'] });
  });

  it('leaves files to the shell', () => {
    expect(ask('backup', '')).toEqual({ candidates: [] });
    expect(ask('image', 'load', 'a')).toEqual({ candidates: [] });
  });

  it('leaves what follows kubectl to kubectl, for the right cluster', () => {
    expect(ask('kubectl', '')).toEqual({ kubectl: [''], cluster: 'knarr' });
    expect(ask('kubectl', '--cluster', 'two', 'get', 'po', '')).toEqual({ kubectl: ['get', 'po', ''], cluster: 'two' });
    expect(ask('kubectl', 'get', '-n', 'kube-')).toEqual({ kubectl: ['get', '-n', 'kube-'], cluster: 'knarr' });
    expect(ask('kubectl', '--cl')).toEqual({ candidates: ['--cluster'] });
  });
});

it('bash completes with what the program says', () => {
  const dir = mkdtempSync(join(tmpdir(), 'knarr-completion-'));
  const fake = join(dir, 'knarr');
  writeFileSync(fake, '#!/bin/sh\nshift 2\necho "with space"; for word; do echo "<$word>"; done\n');
  chmodSync(fake, 0o755);
  const script = `${completionScripts.bash}
COMP_WORDS=(${fake} status --cluster t); COMP_CWORD=3; _knarr; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
  expect(stdout).toBe('with space\n<status>\n<--cluster>\n<t>\n');
  rmSync(dir, { recursive: true });
});
