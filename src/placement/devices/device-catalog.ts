import type { Device, DeviceClass, Node, ResourceResourceClaim, ResourceSlice } from '../../api/generated/types.ts';
import { compileDeviceSelector, type DeviceSelectorTest } from '../../api/cel/device-language.ts';
import { Catalog } from '../catalog.ts';
import { matchesNodeSelector } from './node-match.ts';

/** A device that a node can use. */
export interface Offered {
  readonly device: Device;
  readonly driver: string;
  readonly pool: string;
  /** One for each device of the cluster. */
  readonly key: string;
}

/** Compiled selectors kept at most; at the limit all are forgotten: each costs one more compilation. */
const maxSelectors = 1024;

/** Device claims, classes and what drivers offer (KEP-4381). */
export class DeviceCatalog {
  readonly claims: Catalog<ResourceResourceClaim>;
  readonly classes: Catalog<DeviceClass>;
  readonly slices: Catalog<ResourceSlice>;
  readonly #selectors = new Map<string, DeviceSelectorTest>();

  constructor(onChange: () => void) {
    this.claims = new Catalog(onChange);
    this.classes = new Catalog(onChange);
    this.slices = new Catalog(onChange);
  }

  /** Devices that some claim has; those had for administration do not count. */
  taken(): Set<string> {
    const taken = new Set<string>();
    for (const { status } of this.claims.all())
      for (const { driver, pool, device, adminAccess } of status?.allocation?.devices?.results ?? [])
        if (!adminAccess) taken.add(deviceKey(driver, pool, device));
    return taken;
  }

  /** What a node can use, of the newest generation of each pool. */
  on(node: Node): Offered[] {
    const newest = new Map<string, number>();
    for (const { spec } of this.slices.all()) {
      const pool = `${spec.driver}/${spec.pool.name}`;
      newest.set(pool, Math.max(newest.get(pool) ?? 0, spec.pool.generation));
    }
    const offered: Offered[] = [];
    for (const { spec } of this.slices.all()) {
      const { driver, pool, devices = [] } = spec;
      if (pool.generation !== newest.get(`${driver}/${pool.name}`)) continue;
      if (!spec.perDeviceNodeSelection && !isFor(spec, node)) continue;
      for (const device of devices) {
        // What shares counters with others would have to be counted, which is not done: such devices are left out.
        if (device.consumesCounters?.length || (spec.perDeviceNodeSelection && !isFor(device, node))) continue;
        offered.push({ device, driver, pool: pool.name, key: deviceKey(driver, pool.name, device.name) });
      }
    }
    return offered;
  }

  /** Throws `CompileError` or, later, `EvaluationError`. */
  selector(expression: string): DeviceSelectorTest {
    const known = this.#selectors.get(expression);
    if (known) return known;
    if (this.#selectors.size >= maxSelectors) this.#selectors.clear();
    const test = compileDeviceSelector(expression);
    this.#selectors.set(expression, test);
    return test;
  }
}

const deviceKey = (driver: string, pool: string, device: string): string => `${driver}/${pool}/${device}`;

const isFor = (
  { nodeName, nodeSelector, allNodes }: Pick<ResourceSlice['spec'], 'nodeName' | 'nodeSelector' | 'allNodes'>,
  node: Node,
): boolean =>
  Boolean(allNodes) ||
  (nodeName ? nodeName === node.metadata.name : nodeSelector !== undefined && matchesNodeSelector(nodeSelector, node));
