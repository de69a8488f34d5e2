/** A request for an API object or collection. `verb` is the API's (get, list, watch, create, …) or a special one (bind, …). */
export interface ResourceAttributes {
  verb: string;
  group: string;
  version?: string;
  /** Plural name; the subresource stands apart. */
  resource: string;
  subresource?: string;
  /** Absent or empty: cluster scope, or all namespaces. */
  namespace?: string;
  /** Absent or empty for collections. A list or watch of `metadata.name=x` has the name x. */
  name?: string;
  /** As in the query. */
  fieldSelector?: string;
  labelSelector?: string;
}

/** A request for any other path; `verb` is the HTTP method in lower case. */
export interface NonResourceAttributes {
  verb: string;
  path: string;
}

export type Attributes = ResourceAttributes | NonResourceAttributes;

export const isResource = (attributes: Attributes): attributes is ResourceAttributes => 'resource' in attributes;

/** Neither allowed nor denied means: no authorizer had an opinion. `reason` is for the reader. */
export interface Decision {
  allowed: boolean;
  /** No authorizer after this one is asked. */
  denied?: boolean;
  reason: string;
  /** Why an authorizer could not answer. */
  error?: string;
}

/** A decision: at once, unless a server outside has to be asked. */
export type Decided = Decision | Promise<Decision>;

/** What follows from a decision: at once where that is there at once. */
export const whenDecided = <T>(decided: Decided, then: (decision: Decision) => T): T | Promise<Awaited<T>> =>
  decided instanceof Promise ? (decided.then(then) as Promise<Awaited<T>>) : then(decided);

/** The value that a field selector requires of `field` (`=` or `==`); undefined when it does not. */
export function requiredField(fieldSelector: string | undefined, field: string): string | undefined {
  if (!fieldSelector) return undefined;
  for (const requirement of fieldSelector.split(',')) {
    const match = /^([^=!]+)==?([^=].*)$/.exec(requirement.trim());
    if (match?.[1] === field) return match[2];
  }
  return undefined;
}

/** `pods/log` or `pods`. */
export const resourceText = (attributes: ResourceAttributes): string =>
  attributes.subresource ? `${attributes.resource}/${attributes.subresource}` : attributes.resource;
