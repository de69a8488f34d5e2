import type { ParamKind, ParamRef } from '../../api/generated/types.ts';
import { matchesLabelSelector } from '../../api/meta/label-selector.ts';
import type { KubeObject } from '../../api/resource.ts';
import type { Store } from '../../store/store.ts';
import type { Endpoint } from '../endpoint.ts';
import type { ObjectCodec } from '../object-codec.ts';
import type { Registry } from '../registry.ts';
import type { AdmissionContext } from './plugin.ts';

/** Objects of any kind, as parameters of policies. */
export class ParamReader {
  readonly #deps: { registry: Registry; store: Store; objects: ObjectCodec };

  constructor(deps: { registry: Registry; store: Store; objects: ObjectCodec }) {
    this.#deps = deps;
  }

  endpoint({ apiVersion = '', kind = '' }: ParamKind): Endpoint | undefined {
    const slash = apiVersion.indexOf('/');
    const [group, version] = slash < 0 ? ['', apiVersion] : [apiVersion.slice(0, slash), apiVersion.slice(slash + 1)];
    return this.#deps.registry.ofKind(group, version, kind);
  }

  async list(endpoint: Endpoint, namespace: string): Promise<KubeObject[]> {
    const { versions } = this.#deps.store.list(endpoint.resource, namespace ? { namespace } : {});
    const served = await endpoint.representation.serve(versions);
    return served.map((version) => this.#deps.objects.read<KubeObject>(version));
  }
}

/** The parameters that a binding names; a text where there should be some and are none. */
export async function paramsFor(
  reader: ParamReader,
  context: AdmissionContext,
  { paramKind, paramRef }: { paramKind: ParamKind; paramRef: ParamRef | undefined },
): Promise<(KubeObject | null)[] | string> {
  if (!paramRef) return [null];
  const endpoint = reader.endpoint(paramKind);
  if (!endpoint)
    return `failed to find resource referenced by paramKind: '${paramKind.apiVersion}, Kind=${paramKind.kind}'`;
  const namespace = endpoint.kind.namespaced ? paramRef.namespace || context.namespace : '';
  if (endpoint.kind.namespaced && !namespace)
    return 'cannot use namespaced paramRef in policy binding that matches cluster-scoped resources';
  const all = await reader.list(endpoint, namespace);
  const found = paramRef.name
    ? all.filter((object) => object.metadata.name === paramRef.name)
    : all.filter((object) => matchesLabelSelector(paramRef.selector ?? {}, object.metadata.labels ?? {}));
  if (found.length > 0) return found;
  if (paramRef.parameterNotFoundAction === 'Allow') return [];
  return 'no params found for policy binding with `Deny` parameterNotFoundAction';
}
