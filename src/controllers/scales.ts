import type { Kind } from '../api/kind.ts';
import { allVersions } from '../api/served-versions.ts';
import { customresourcedefinitions } from '../api/generated/resources.ts';
import type { CustomResourceDefinition, Scale } from '../api/generated/types.ts';
import type { ObjectKey, Resource } from '../api/resource.ts';
import type { Client } from '../client/client.ts';
import type { Informer } from '../client/informer.ts';
import type { ControllerContext } from './runtime.ts';

export interface KindReference {
  apiVersion: string;
  kind: string;
}

const splitVersion = (apiVersion: string): { group: string; version: string } => {
  const [group = '', version] = apiVersion.split('/');
  return version === undefined ? { group: '', version: group } : { group, version };
};

function builtInKind({ apiVersion, kind }: KindReference): Kind | undefined {
  const { group, version } = splitVersion(apiVersion);
  return allVersions.find((k) => k.group === group && k.version === version && k.kind === kind);
}

/** Finds the resource behind a kind, and reads and sets the number of replicas of whatever has one. */
export class Scales {
  readonly #definitions: Informer<CustomResourceDefinition>;

  constructor(context: Pick<ControllerContext, 'informer'>) {
    this.#definitions = context.informer(customresourcedefinitions);
  }

  /** Undefined for a kind that is not served. */
  resourceOf({ apiVersion, kind }: KindReference): Resource | undefined {
    const { group, version } = splitVersion(apiVersion);
    const builtIn = builtInKind({ apiVersion, kind });
    if (builtIn) return builtIn;
    const custom = this.#definitionOf({ apiVersion, kind });
    if (!custom) return undefined;
    const { names, scope } = custom.spec;
    return { group, version, kind, resource: names.plural, namespaced: scope === 'Namespaced' };
  }

  hasScale(reference: KindReference): boolean {
    const builtIn = builtInKind(reference);
    if (builtIn) return builtIn.subresources?.some((s) => s.name === 'scale') === true;
    const { version } = splitVersion(reference.apiVersion);
    const served = this.#definitionOf(reference)?.spec.versions.find((v) => v.name === version);
    return served?.subresources?.scale !== undefined;
  }

  get(client: Client, resource: Resource, key: ObjectKey): Promise<Scale> {
    return client.getSubresource<Scale>(resource, key, 'scale');
  }

  async set(client: Client, resource: Resource, scale: Scale): Promise<void> {
    await client.update(resource, scale, { subresource: 'scale' });
  }

  #definitionOf({ apiVersion, kind }: KindReference): CustomResourceDefinition | undefined {
    const { group, version } = splitVersion(apiVersion);
    return this.#definitions.list().find(({ spec }) => {
      return (
        spec.group === group && spec.names.kind === kind && spec.versions.some((v) => v.name === version && v.served)
      );
    });
  }
}
