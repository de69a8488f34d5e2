import { describe, expect, it } from 'vitest';
import type { VolumeMount } from '../../api/generated/types.ts';
import { isRecursivelyReadOnly } from './recursive-read-only.ts';

const mount = (more: Partial<VolumeMount>): VolumeMount => ({ name: 'v', mountPath: '/v', ...more });
const readOnly = { readOnly: true };

describe('a mount that is read-only with all below it', () => {
  it.each<[string, Partial<VolumeMount>, boolean, boolean]>([
    ['does not ask', readOnly, true, false],
    ['asks not to be', { ...readOnly, recursiveReadOnly: 'Disabled' }, true, false],
    ['asks if it can be', { ...readOnly, recursiveReadOnly: 'IfPossible' }, true, true],
    ['asks if it can be and cannot', { ...readOnly, recursiveReadOnly: 'IfPossible' }, false, false],
    ['must be', { ...readOnly, recursiveReadOnly: 'Enabled', mountPropagation: 'None' }, true, true],
  ])('that %s', (_, more, isSupported, is) => expect(isRecursivelyReadOnly(mount(more), isSupported)).toBe(is));

  it.each<[Partial<VolumeMount>, boolean, string]>([
    [
      { ...readOnly, recursiveReadOnly: 'Enabled' },
      false,
      'volume "v" requested recursive read-only mode, but it is not supported by the runtime',
    ],
    [
      { recursiveReadOnly: 'IfPossible' },
      true,
      'volume "v" requested recursive read-only mode, but it is not read-only',
    ],
    [
      { ...readOnly, recursiveReadOnly: 'Enabled', mountPropagation: 'Bidirectional' },
      true,
      'volume "v" requested recursive read-only mode, but it is not compatible with propagation "Bidirectional"',
    ],
    [{ ...readOnly, recursiveReadOnly: 'Always' }, true, 'unknown recursive read-only mode "Always"'],
  ])('is refused in words: %o', (more, isSupported, why) => {
    const message = `failed to resolve recursive read-only mode: ${why}`;
    expect(() => isRecursivelyReadOnly(mount(more), isSupported)).toThrow(
      expect.objectContaining({ message, reason: 'CreateContainerConfigError' }),
    );
  });
});
