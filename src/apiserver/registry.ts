import type { Kind } from '../api/kind.ts';
import type { Endpoint } from './endpoint.ts';

/** Resources that are asked, not stored: their handlers are in `verbs/review.ts`, `verbs/binding.ts`, `verbs/component-status.ts`. */
const unstored = new Set([
  'bindings',
  'componentstatuses',
  'selfsubjectreviews.authentication.k8s.io',
  'tokenreviews.authentication.k8s.io',
  'localsubjectaccessreviews.authorization.k8s.io',
  'selfsubjectaccessreviews.authorization.k8s.io',
  'selfsubjectrulesreviews.authorization.k8s.io',
  'subjectaccessreviews.authorization.k8s.io',
]);

const keyOf = ({ kind }: Endpoint): string => `${kind.group}/${kind.version}/${kind.resource}`;

/**
 * The served resources by group, version and name: the built-in ones, and those of each custom resource definition, which
 * come and go while the server runs.
 */
export class Registry {
  readonly #builtIn = new Map<string, Endpoint>();
  readonly #builtInGroups = new Set<string>();
  readonly #added = new Map<string, Endpoint>();
  readonly #owners = new Map<string, Endpoint[]>();
  #revision = 0;

  constructor(endpoints: readonly Endpoint[]) {
    for (const endpoint of endpoints) {
      this.#builtIn.set(keyOf(endpoint), endpoint);
      this.#builtInGroups.add(endpoint.kind.group);
    }
  }

  /** Counts the changes: what is derived from the registry is made anew when it moves. */
  get revision(): number {
    return this.#revision;
  }

  find(group: string, version: string, resource: string): Endpoint | undefined {
    const key = `${group}/${version}/${resource}`;
    return this.#builtIn.get(key) ?? this.#added.get(key);
  }

  isBuiltIn(group: string): boolean {
    return this.#builtInGroups.has(group);
  }

  /** The endpoint of a kind, for who knows an object by its type. */
  ofKind(group: string, version: string, kind: string): Endpoint | undefined {
    for (const endpoint of this.#all())
      if (endpoint.kind.kind === kind && endpoint.kind.version === version && endpoint.kind.group === group)
        return endpoint;
    return undefined;
  }

  /** The endpoints that serve the same objects, itself among them. */
  versionsOf({ resource }: Endpoint): Endpoint[] {
    return [...this.#all()].filter((endpoint) => endpoint.resource === resource);
  }

  /** The kinds that are served whatever definitions there are. */
  builtInKinds(): Kind[] {
    return [...this.#builtIn.values()].map(({ kind }) => kind);
  }

  *#all(): Generator<Endpoint> {
    yield* this.#builtIn.values();
    yield* this.#added.values();
  }

  /** The endpoints that were added, in the order of their owners' names. */
  added(): Endpoint[] {
    return [...this.#owners].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, endpoints]) => endpoints);
  }

  /** Serves an owner's endpoints instead of those it had; none: its resources are no longer served. */
  replace(owner: string, endpoints: Endpoint[]): void {
    for (const endpoint of this.#owners.get(owner) ?? []) this.#added.delete(keyOf(endpoint));
    if (endpoints.length > 0) this.#owners.set(owner, endpoints);
    else this.#owners.delete(owner);
    for (const endpoint of endpoints) this.#added.set(keyOf(endpoint), endpoint);
    this.#revision++;
  }
}

export const isStored = (endpoint: Endpoint): boolean => !endpoint.answers && !unstored.has(endpoint.resource);
