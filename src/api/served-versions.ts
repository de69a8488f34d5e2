import { conversionOf } from './conversions.ts';
import { otherVersions, removedVersions, servedKinds } from './generated/kinds.ts';
import type { Kind } from './kind.ts';
import { groupResource, groupVersion } from './resource.ts';

/** `ingresses.networking.k8s.io`: whose objects a kind's are, in whatever version it is. */
export const storedName = (kind: Kind): string => kind.storedAs ?? groupResource(kind);

export interface ServingOptions {
  /**
   * Switches as of kube-apiserver's `--runtime-config`: `api/all`, `api/ga`, `api/beta`, `api/alpha`, `group/version`,
   * `group/version/resource`; the later in this list decides.
   */
  runtimeConfig?: Readonly<Record<string, boolean>> | undefined;
  /** Also versions that Kubernetes had in 1.20 and has no more. */
  removed?: boolean | undefined;
}

/** Every version of every built-in kind that can be served. */
export const allVersions: readonly Kind[] = [...servedKinds, ...otherVersions].filter(isKnown);

/** Those that are gone from this release and whose objects we can still show. Only what was on by itself then. */
export const goneVersions: readonly Kind[] = removedVersions.filter(
  (kind) => kind.stability === 'beta' && isKnown(kind),
);

function isKnown(kind: Kind): boolean {
  return !kind.storedAs || conversionOf(kind) !== undefined;
}

/** On by themselves though they are not stable: parts of ours work by them (gangs, by PodGroups). */
const ownVersions = new Set(['scheduling.k8s.io/v1alpha2']);

/** The built-in kinds in the versions that are served: as in Kubernetes, only what is stable unless it is asked for. */
export function servedVersions({ runtimeConfig = {}, removed = false }: ServingOptions = {}): Kind[] {
  const isOn = (kind: Kind): boolean => {
    const at = groupVersion(kind);
    const switches = ['api/all', `api/${kind.stability.toLowerCase()}`, `${at}/${kind.resource}`, at];
    const [all, stability, resource, version] = switches.map((name) => runtimeConfig[name]);
    return resource ?? version ?? stability ?? all ?? (kind.stability === 'GA' || ownVersions.has(at));
  };
  return [...allVersions.filter(isOn), ...(removed ? goneVersions : [])];
}

/** Each served resource once: in the version that is stored, or, where that is not served, the best that is. */
export function servedResources(options: ServingOptions = {}): Kind[] {
  const found = new Map<string, Kind>();
  for (const kind of servedVersions(options)) {
    const name = storedName(kind);
    if (!found.has(name)) found.set(name, kind);
  }
  return [...found.values()];
}
