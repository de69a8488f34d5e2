import type { KubeObject } from '../api/resource.ts';
import type { Version } from '../store/version.ts';

/**
 * Between what is stored and the version that an endpoint serves: the same object may be stored in another version of its
 * kind, or have been stored before its schema changed. Synchronous wherever nothing outside has to be asked.
 */
export interface Representation {
  /** Stored versions as the endpoint serves them, in order; the same ones where nothing has to change. */
  serve(versions: Version[]): Version[] | Promise<Version[]>;
  /** An object of the endpoint as it is to be stored. */
  store(object: KubeObject): KubeObject | Promise<KubeObject>;
  /** Whether storing the same object again would change nothing but its revision. */
  isCurrent(version: Version): boolean;
}

/** Objects are served as they are stored. */
export const asStored: Representation = {
  serve: (versions) => versions,
  store: (object) => object,
  isCurrent: () => true,
};
