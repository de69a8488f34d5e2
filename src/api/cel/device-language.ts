import { Language } from '../../cel/environment.ts';
import { dyn, string } from '../../cel/types.ts';
import { adapt, CelMap, type Value } from '../../cel/values.ts';
import type { Device, DeviceAttribute } from '../generated/types.ts';
import { languageDeps } from './language.ts';

const language = new Language(languageDeps);
/** What one selector may cost (CELSelectorExpressionMaxCost). */
const costLimit = 1_000_000;

const made = (expression: string) => {
  const program = language.compile(expression, { text: string });
  return (text: string): Value => program.run({ text }, costLimit).value;
};
const quantity = made('quantity(text)');
const version = made('semver(text, true)');

/** Whether a device of a driver is selected. Throws `EvaluationError`. */
export type DeviceSelectorTest = (device: Device, driver: string) => boolean;

/** Compiles a CEL selector of a device request or class (KEP-4381). Throws `CompileError`. */
export function compileDeviceSelector(expression: string): DeviceSelectorTest {
  const program = language.compile(expression, { device: dyn });
  return (device, driver) => program.run({ device: deviceValue(device, driver) }, costLimit).value === true;
}

/** Attributes and capacities by domain, then by name; a domain that nothing has is empty. */
function deviceValue(
  { attributes = {}, capacity = {}, allowMultipleAllocations = false }: Device,
  driver: string,
): Value {
  const fields: Record<string, Value> = {
    driver,
    allowMultipleAllocations,
    attributes: byDomain(attributes, driver, attributeValue),
    capacity: byDomain(capacity, driver, ({ value }) => quantity(value)),
  };
  return CelMap.lazy(Object.keys(fields), (key) => fields[key] as Value);
}

const attributeValue = ({ int, bool, string: text, version: semver, ...lists }: DeviceAttribute): Value => {
  if (semver !== undefined) return version(semver);
  const value = int ?? bool ?? text ?? lists.ints ?? lists.bools ?? lists.strings ?? lists.versions?.map(version);
  return adapt(value, dyn);
};

function byDomain<T>(named: Readonly<Record<string, T>>, driver: string, value: (one: T) => Value): Value {
  const domains = new Map<string, Map<string, T>>();
  for (const [name, one] of Object.entries(named)) {
    const { domain, id } = qualified(name, driver);
    domains.set(domain, (domains.get(domain) ?? new Map<string, T>()).set(id, one));
  }
  return new AnyDomain(domains, value).map();
}

/** A map that has every key: expressions ask for domains without asking whether they are there. */
class AnyDomain<T> {
  readonly #domains: ReadonlyMap<string, ReadonlyMap<string, T>>;
  readonly #value: (one: T) => Value;

  constructor(domains: ReadonlyMap<string, ReadonlyMap<string, T>>, value: (one: T) => Value) {
    this.#domains = domains;
    this.#value = value;
  }

  map(): CelMap {
    const keys = [...this.#domains.keys()];
    const inner = (key: string) => {
      const names = this.#domains.get(key);
      return CelMap.lazy([...(names?.keys() ?? [])], (name) => this.#value(names?.get(name) as T));
    };
    return CelMap.lazy(Object.assign(keys, { includes: () => true }), inner);
  }
}

/** `domain/name`; without a domain it is the driver's. */
export function qualified(name: string, driver: string): { domain: string; id: string } {
  const slash = name.indexOf('/');
  return slash < 0 ? { domain: driver, id: name } : { domain: name.slice(0, slash), id: name.slice(slash + 1) };
}
