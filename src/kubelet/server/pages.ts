/** A document that the node's server gives out. */
export type Page = (query: URLSearchParams) => Promise<{ type: string; body: string }>;

/** By path. */
export type Pages = ReadonlyMap<string, Page>;
