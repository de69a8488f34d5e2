import { expect, it } from 'vitest';
import type { KubeObject } from '../../api/resource.ts';
import { isUnchanged } from './object-parts.ts';

const labelled = (labels: object): KubeObject =>
  ({ kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'a', labels } }) as KubeObject;

it('sees a label by a name that every JavaScript object knows come, change and go', () => {
  expect(isUnchanged(labelled({ toString: '1' }), labelled({ toString: '1' }))).toBe(true);
  expect(isUnchanged(labelled({ toString: '1' }), labelled({ toString: '2' }))).toBe(false);
  expect(isUnchanged(labelled({}), labelled({ toString: '1' }))).toBe(false);
  expect(isUnchanged(labelled({ toString: '1' }), labelled({}))).toBe(false);
});
