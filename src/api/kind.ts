/** One printer column of a resource (server-side Table). Priority 0 is always shown, 1 with `-o wide`. */
export interface Column {
  name: string;
  type: string;
  format?: string;
  priority?: number;
  /** Absent: what columns of its name show. */
  description?: string;
}

export interface Subresource {
  name: string;
  kind: string;
  verbs: string[];
  group?: string;
  version?: string;
}

/** What the facts say of a served resource; `facts/` documents each key. Behaviour is in its `Strategy`. */
export interface Kind {
  group: string;
  version: string;
  kind: string;
  listKind?: string;
  resource: string;
  singular: string;
  shortNames?: string[];
  categories?: string[];
  namespaced: boolean;
  verbs: string[];
  subresources?: Subresource[];
  /** Key into the schema table. */
  type: string;
  statusField?: boolean;
  specField?: boolean;
  statusSubresource?: boolean;
  generation?: boolean;
  createOnUpdate?: boolean;
  unconditionalUpdate?: boolean;
  gracefulDelete?: boolean;
  gcDefault?: string;
  resetFields?: string[];
  resetFieldsOther?: Record<string, string[]>;
  fieldLabels?: string[];
  storageVersionHash?: string;
  columns?: Column[];
  /** GA, beta, alpha; `custom` for kinds that are defined while the server runs. */
  stability: string;
  /** Releases, as `1.34`, of this version's life. */
  introduced?: string;
  deprecated?: string;
  removed?: string;
  /** `group,version,kind` of what is to be used instead. */
  replacement?: string;
  /** `ingresses.networking.k8s.io`: whose objects these are in another version; absent: they are stored as they are. */
  storedAs?: string;
}

export interface GroupVersions {
  group: string;
  /** In order of preference. */
  versions: string[];
}
