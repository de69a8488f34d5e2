import type { VolumeMount } from '../../api/generated/types.ts';
import { ConfigError } from './config-error.ts';

/**
 * Whether a mount is read-only with everything that is mounted below it; `isSupported`: the runtime can make it so. Throws
 * `ConfigError` in the kubelet's words when it must be and cannot. Pods from files have passed no validation.
 * Source: KEP-3857.
 */
export function isRecursivelyReadOnly(mount: VolumeMount, isSupported: boolean): boolean {
  const { name, readOnly, recursiveReadOnly: mode = 'Disabled', mountPropagation: propagation = 'None' } = mount;
  if (mode === 'Disabled') return false;
  if (!readOnly) throw refused(name, 'it is not read-only');
  if (propagation !== 'None') throw refused(name, `it is not compatible with propagation "${propagation}"`);
  if (mode === 'IfPossible') return isSupported;
  if (mode !== 'Enabled') throw unresolved(`unknown recursive read-only mode "${mode}"`);
  if (!isSupported) throw refused(name, 'it is not supported by the runtime');
  return true;
}

const refused = (name: string, why: string) =>
  unresolved(`volume "${name}" requested recursive read-only mode, but ${why}`);

const unresolved = (why: string) => new ConfigError(`failed to resolve recursive read-only mode: ${why}`);
