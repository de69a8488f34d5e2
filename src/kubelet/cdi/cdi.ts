import type { RuntimeService } from '../../api/generated/cri.ts';
import type { Logger } from '../../base/log.ts';
import type { ContainerExtras } from '../hooks/hook.ts';
import { type CdiDevice, type ContainerEdits, readCdiDevices } from './cdi-spec.ts';

export interface CdiDeps {
  runtime: Pick<RuntimeService, 'Version'>;
  log: Logger;
  folders?: readonly string[];
}

/**
 * Devices by the Container Device Interface. A runtime that knows it gets the names; for others (containerd before 2.0) what the names
 * stand for is put in their place: variables, device nodes and mounts. Hooks cannot be had that way, which is logged.
 */
export class Cdi {
  readonly #deps: CdiDeps;
  #isNative: Promise<boolean> | undefined;

  constructor(deps: CdiDeps) {
    this.#deps = deps;
  }

  /** Rejects when nobody knows a device. */
  async resolve(extras: readonly ContainerExtras[]): Promise<ContainerExtras[]> {
    if (extras.every(({ cdiDevices }) => cdiDevices.length === 0)) return [...extras];
    this.#isNative ??= isNative(this.#deps.runtime);
    if (await this.#isNative) return [...extras];
    const known = await readCdiDevices(this.#deps.folders);
    const names = extras.flatMap(({ cdiDevices }) => cdiDevices.map(({ name }) => name ?? ''));
    const missing = names.filter((name) => !known.has(name));
    if (missing.length > 0) throw new Error(`unresolvable CDI devices ${missing.join(', ')}`);
    const devices = names.map((name) => known.get(name) as CdiDevice);
    const all = new Set([...devices.map(({ common }) => common), ...devices.map(({ edits }) => edits)]);
    if ([...all].some(({ hooks }) => hooks?.length))
      this.#deps.log.warn(
        { devices: names },
        'hooks of devices are left out: this container runtime does not know CDI',
      );
    const annotations = Object.assign({}, ...devices.map((device) => device.annotations)) as Record<string, string>;
    return [
      ...extras.map((one) => ({ ...one, cdiDevices: [] })),
      ...[...all].map((edits) => extrasOf(edits, annotations)),
    ];
  }
}

/** containerd takes them from 2.0 on without being told to; CRI-O does. */
async function isNative(runtime: CdiDeps['runtime']): Promise<boolean> {
  const { runtimeName = '', runtimeVersion = '' } = await runtime.Version({});
  if (runtimeName !== 'containerd') return true;
  return Number(/\d+/.exec(runtimeVersion)?.[0] ?? 0) >= 2;
}

function extrasOf(
  { env = [], deviceNodes = [], mounts = [] }: ContainerEdits,
  annotations: Record<string, string>,
): ContainerExtras {
  const variables = env.map((one) => [one.slice(0, one.indexOf('=')), one.slice(one.indexOf('=') + 1)]);
  return {
    env: Object.fromEntries(variables) as Record<string, string>,
    devices: deviceNodes.map(({ path, hostPath, permissions }) => ({
      containerPath: path,
      hostPath: hostPath ?? path,
      permissions: permissions ?? 'rwm',
    })),
    mounts: mounts.map(({ hostPath, containerPath, options = [] }) => ({
      hostPath,
      containerPath,
      readonly: options.includes('ro'),
    })),
    annotations,
    cdiDevices: [],
  };
}
