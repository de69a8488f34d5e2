import { Language, type Program } from '../../cel/environment.ts';
import { InstantiationError } from '../../cel/errors.ts';
import { bool, map, type ObjectType, opaque, string, type Type, typeName } from '../../cel/types.ts';
import { adapt, CelMap, type Value } from '../../cel/values.ts';
import type { Device, DeviceAttribute } from '../generated/types.ts';
import { languageDeps } from './language.ts';
import { compilationFailure } from './rule.ts';

const language = new Language(languageDeps);
/** What one selector may cost (CELSelectorExpressionMaxCost). */
const costLimit = 1_000_000;

const made = (expression: string) => {
  const program = language.compile(expression, { text: string });
  return (text: string): Value => program.run({ text }, costLimit).value;
};
const quantity = made('quantity(text)');
const version = made('semver(text, true)');

const sized = (type: Type, max: number): Type => ({ ...type, max }) as Type;
/** Of a value of any type, there is no more than this. */
const anything: Type = { kind: 'dyn', max: 64 };
/** Most attributes and capacities of a device, longest domain, longest name. */
const [mostNamed, domainLength, nameLength] = [32, 63, 32];
const byDomainType = (value: Type): Type =>
  sized(map(sized(string, domainLength), sized(map(sized(string, nameLength), value), mostNamed)), mostNamed);

const deviceFields: Record<string, Type> = {
  driver: sized(string, domainLength),
  allowMultipleAllocations: bool,
  attributes: byDomainType(anything),
  capacity: byDomainType(opaque('kubernetes.Quantity')),
};
const device: ObjectType = {
  kind: 'object',
  name: 'kubernetes.DRADevice',
  field: (member) => (deviceFields[member] ? { type: deviceFields[member], member } : undefined),
};
const compiled = (expression: string): Program => language.compile(expression, { device });

/** What is wrong with a selector; whether it may cost too much. */
export function checkDeviceSelector(expression: string): { error?: string; internal?: string; tooCostly: boolean } {
  let program: Program;
  try {
    program = compiled(expression);
  } catch (error) {
    if (error instanceof InstantiationError) return { internal: error.message, tooCostly: false };
    return { error: compilationFailure(error), tooCostly: false };
  }
  const { kind } = program.type;
  if (kind !== 'bool' && kind !== 'dyn')
    return { error: `must evaluate to bool or the unknown type, not ${typeName(program.type)}`, tooCostly: false };
  return { tooCostly: program.estimate > costLimit };
}

/** Whether a device of a driver is selected. Throws `EvaluationError`. */
export type DeviceSelectorTest = (device: Device, driver: string) => boolean;

/** Compiles a CEL selector of a device request or class (KEP-4381). Throws `CompileError`. */
export function compileDeviceSelector(expression: string): DeviceSelectorTest {
  const program = compiled(expression);
  return (one, driver) => program.run({ device: deviceValue(one, driver) }, costLimit).value === true;
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
  return adapt(value, anything);
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
