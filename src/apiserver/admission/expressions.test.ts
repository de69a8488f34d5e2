import { expect, it } from 'vitest';
import { Authorizer } from '../authz/authorizer.ts';
import { Evaluation, Expressions } from './expressions.ts';
import type { AdmissionContext } from './plugin.ts';
import type { Target } from './rule-matching.ts';

const kind = { group: '', version: 'v1', resource: 'pods', kind: 'Pod' };

function evaluationWith(allowed: (resource: string) => boolean): { evaluation: Evaluation; asked: string[] } {
  const authorizer = new Authorizer(() => undefined);
  const asked: string[] = [];
  authorizer.configure([
    {
      name: 'outside',
      async authorize(_user, attributes) {
        const { resource } = attributes as { resource: string };
        asked.push(resource);
        return allowed(resource)
          ? { allowed: true, reason: '' }
          : { allowed: false, reason: '', error: `no answer about ${resource}` };
      },
    },
  ]);
  const endpoint = { kind, subresources: new Map() };
  const user = { name: 'jane', groups: [] };
  const context = { authorizer, user, endpoint, verb: 'create', namespace: '', object: undefined, old: undefined };
  const evaluation = new Evaluation(new Expressions(), context as unknown as AdmissionContext, {
    target: kind as Target,
  });
  return { evaluation, asked };
}

const check = (resource: string) => `authorizer.group('').resource('${resource}').check('get')`;

it('waits for those outside who say what a user may do, and asks each question once', async () => {
  const { evaluation, asked } = evaluationWith((resource) => resource !== 'secrets');
  const outcome = evaluation.run(`${check('pods')}.allowed() && !${check('secrets')}.allowed()`);
  expect(outcome).toBeInstanceOf(Promise);
  expect(await outcome).toEqual({ value: true });
  expect(asked).toEqual(['pods', 'secrets']);
  expect(await evaluation.run(`${check('secrets')}.errored() ? ${check('secrets')}.error() : ''`)).toEqual({
    value: 'no answer about secrets',
  });
});

it('does not wait where nobody is asked', () => {
  expect(evaluationWith(() => true).evaluation.run('1 + 1 == 2')).toEqual({ value: true });
});
