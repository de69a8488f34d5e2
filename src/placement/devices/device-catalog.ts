import type { Device, DeviceClass, Node, ResourceResourceClaim, ResourceSlice } from '../../api/generated/types.ts';
import { compileDeviceSelector, type DeviceSelectorTest } from '../../api/cel/device-language.ts';
import { Catalog } from '../catalog.ts';
import { deviceKey, DeviceUsage } from './device-usage.ts';
import { isForNode, type Reach, SliceIndex } from './slice-index.ts';
import type { CountedPool } from './shared-counters.ts';

/** A device that a node can use. */
export interface Offered {
  readonly device: Device;
  readonly driver: string;
  readonly pool: string;
  /** One for each device of the cluster. */
  readonly key: string;
  /** Which nodes can use it. */
  readonly reach: Reach;
}

/** Compiled selectors kept at most; at the limit all are forgotten: each costs one more compilation. */
const maxSelectors = 1024;

/** Device claims, classes and what drivers offer (KEP-4381). */
export class DeviceCatalog {
  readonly claims: Catalog<ResourceResourceClaim>;
  readonly classes: Catalog<DeviceClass>;
  readonly slices: Catalog<ResourceSlice>;
  readonly usage = new DeviceUsage();
  readonly #index = new SliceIndex();
  readonly #selectors = new Map<string, DeviceSelectorTest>();
  /** By extended resource: the class that stands for it; made anew when classes have changed. */
  #classes: Map<string, DeviceClass> | undefined;

  constructor(onChange: () => void) {
    this.claims = new Catalog((now, old) => {
      this.usage.replace(now, old);
      onChange();
    });
    this.classes = new Catalog(() => {
      this.#classes = undefined;
      onChange();
    });
    this.slices = new Catalog((now, old) => {
      this.#index.replace(now, old);
      onChange();
    });
  }

  /** The class of devices that stands for an extended resource (KEP-5004), if any. */
  classFor(resource: string): string | undefined {
    this.#classes ??= byResource(this.classes.all());
    return this.#classes.get(resource)?.metadata.name;
  }

  /** What a node can use, of the newest generation of each pool. */
  on(node: Node): Offered[] {
    const offered: Offered[] = [];
    for (const { spec } of this.#index.forNode(node)) {
      const { driver, pool, devices = [], perDeviceNodeSelection } = spec;
      if (!perDeviceNodeSelection && !isForNode(spec, node)) continue;
      for (const device of devices) {
        const reach = perDeviceNodeSelection ? device : spec;
        if (perDeviceNodeSelection && !isForNode(device, node)) continue;
        offered.push({ device, driver, pool: pool.name, key: deviceKey(driver, pool.name, device.name), reach });
      }
    }
    return offered;
  }

  /** By `driver/pool`. */
  pool(key: string): CountedPool {
    return { slices: this.#index.ofPool(key), isHeld: (device) => this.usage.isHeld(`${key}/${device}`) };
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

/** Every class stands for a resource of its own name; of several that name the same, the newest does. */
function byResource(classes: Iterable<DeviceClass>): Map<string, DeviceClass> {
  const found = new Map<string, DeviceClass>();
  for (const one of classes) {
    found.set(`deviceclass.resource.kubernetes.io/${one.metadata.name}`, one);
    const { extendedResourceName: name } = one.spec;
    const known = name ? found.get(name) : undefined;
    if (name && (!known || isBefore(known, one))) found.set(name, one);
  }
  return found;
}

const isBefore = ({ metadata: a }: DeviceClass, { metadata: b }: DeviceClass): boolean =>
  (a.creationTimestamp ?? '') === (b.creationTimestamp ?? '')
    ? a.name > b.name
    : (a.creationTimestamp ?? '') < (b.creationTimestamp ?? '');
