import { toJson } from '../base/lossless-json.ts';
import type { ObjectType } from '../api/object-type.ts';
import type { KubeObject } from '../api/resource.ts';
import { toBytes, type Version } from '../store/version.ts';
import { canonicalObject, type ObjectCodec } from './object-codec.ts';
import type { Representation } from './representation.ts';

/** Carries objects from the version they are in to another version of their kind. */
export interface Conversion {
  /** `version`: `group/version`. In order; synchronous wherever nobody has to be asked. */
  convert(objects: KubeObject[], version: string): KubeObject[] | Promise<KubeObject[]>;
}

/** All versions of one kind. */
export interface Versions {
  objects: ObjectCodec;
  conversion: Conversion;
  /** Types by `group/version`. */
  types: ReadonlyMap<string, ObjectType>;
  /** `group/version` in which objects are stored. */
  storage: string;
}

/**
 * Objects in one version, out of what is stored: those in another version are converted, and one that was stored under an
 * older schema is pruned and gets its defaults when it is read.
 */
export class VersionedRepresentation implements Representation {
  readonly #versions: Versions;
  readonly #served: string;
  /** By stored version, for as long as that is kept. Most are themselves. */
  readonly #views = new WeakMap<Version, Version>();

  constructor(versions: Versions, served: string) {
    this.#versions = versions;
    this.#served = served;
  }

  serve(versions: Version[]): Version[] | Promise<Version[]> {
    const missing = versions.filter((version) => !this.#views.has(version));
    const found = (): Version[] => versions.map((version) => this.#views.get(version) ?? version);
    if (missing.length === 0) return found();
    const added = this.#add(missing);
    return added ? added.then(found) : found();
  }

  store(object: KubeObject): KubeObject | Promise<KubeObject> {
    const { storage, conversion } = this.#versions;
    if (object.apiVersion === storage) return object;
    const converted = conversion.convert([object], storage);
    return converted instanceof Promise ? converted.then(only) : only(converted);
  }

  isCurrent(version: Version): boolean {
    return this.#versions.objects.read(version).apiVersion === this.#versions.storage;
  }

  #add(versions: Version[]): Promise<void> | undefined {
    const stored = versions.map((version) => this.#normal(this.#versions.objects.read<KubeObject>(version)));
    const foreign = stored.filter((object) => object.apiVersion !== this.#served);
    const converted = foreign.length > 0 ? this.#versions.conversion.convert(foreign, this.#served) : [];
    const keep = (objects: KubeObject[]): void => {
      let next = 0;
      stored.forEach((object, i) => {
        const isForeign = object.apiVersion !== this.#served;
        const view = isForeign ? this.#normal(objects[next++] as KubeObject) : object;
        this.#keep(versions[i] as Version, view);
      });
    };
    if (converted instanceof Promise) return converted.then(keep);
    keep(converted);
    return undefined;
  }

  #keep(version: Version, object: KubeObject): void {
    const text = toJson(canonicalObject(object, String(version.revision)));
    const same = version.bytes.length === Buffer.byteLength(text) && version.bytes.equals(Buffer.from(text));
    this.#views.set(version, same ? version : { ...version, bytes: toBytes(text) });
  }

  /** An object as the schema of its version has it now. */
  #normal(object: KubeObject): KubeObject {
    const type = this.#versions.types.get(object.apiVersion ?? '');
    return type ? type.defaults(type.decode(object).object) : object;
  }
}

const only = ([object]: KubeObject[]): KubeObject => object as KubeObject;
