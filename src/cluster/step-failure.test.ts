import { expect, it } from 'vitest';
import { tellingLines } from './step-failure.ts';

it('of a log, warnings, errors and what programs say are worth showing', () => {
  const text = [
    '{"level":30,"msg":"serving"}',
    '{"level":40,"error":"no","msg":"a log cannot be rotated"}',
    '{"level":50,"err":{"message":"disk full"},"msg":"the journal failed"}',
    '{"level":50,"msg":"plain"}',
    '',
    '    at async runCli (file:///knarr.js:1:2)',
    'Node.js v20.20.2',
    'Segmentation fault',
    '{broken',
  ].join('\n');
  expect(tellingLines(text, 10)).toEqual([
    'a log cannot be rotated: no',
    'the journal failed: disk full',
    'plain',
    'Segmentation fault',
    '{broken',
  ]);
  expect(tellingLines(text, 1)).toEqual(['{broken']);
});
