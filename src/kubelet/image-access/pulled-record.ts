/** What tells an object of the API from all others, also from one of its name that comes later. */
export interface Coordinates {
  uid: string;
  namespace: string;
  name: string;
}

/** A secret whose credentials have fetched an image, and which ones they were. */
export interface PullSecret extends Coordinates {
  credentialHash: string;
}

/** Who may use an image of the node: what has fetched it, or everybody. */
export interface PullCredentials {
  kubernetesSecrets?: PullSecret[];
  kubernetesServiceAccounts?: Coordinates[];
  nodePodsAccessible?: boolean;
}

/** An ImagePulledRecord of kubelet.config.k8s.io/v1beta1 (KEP-2535): where there is one, the node fetched the image. */
export interface PulledRecord {
  /** The runtime's id of the image. */
  imageRef: string;
  lastUpdatedTime: string;
  /** By repository: the same image may have come from several. */
  credentialMapping: Record<string, PullCredentials>;
}

export interface Pulled {
  imageRef: string;
  repository: string;
  /** Absent: it is not known what has fetched it, and whoever wants it has to show that it may have it. */
  shown?: PullCredentials | undefined;
}

/** The record with what a pull has shown; undefined when that is no news. */
export function withPull(record: PulledRecord | undefined, pulled: Pulled, nowMs: number): PulledRecord | undefined {
  const { imageRef, repository, shown } = pulled;
  // Milliseconds: what was written after images were listed must not look older.
  const lastUpdatedTime = new Date(nowMs).toISOString();
  if (!record || !record.imageRef)
    return { imageRef, lastUpdatedTime, credentialMapping: shown ? { [repository]: shown } : {} };
  if (!shown) return undefined;
  const before = record.credentialMapping[repository];
  const after = before ? joined(before, shown) : shown;
  if (!after) return undefined;
  return { ...record, lastUpdatedTime, credentialMapping: { ...record.credentialMapping, [repository]: after } };
}

/** Undefined: nothing is new. */
function joined(before: PullCredentials, shown: PullCredentials): PullCredentials | undefined {
  if (before.nodePodsAccessible) return undefined;
  if (shown.nodePodsAccessible) return { nodePodsAccessible: true };
  const secrets = withNew(before.kubernetesSecrets, shown.kubernetesSecrets);
  const accounts = withNew(before.kubernetesServiceAccounts, shown.kubernetesServiceAccounts);
  if (!secrets && !accounts) return undefined;
  return {
    ...before,
    ...(secrets ? { kubernetesSecrets: secrets } : {}),
    ...(accounts ? { kubernetesServiceAccounts: accounts } : {}),
  };
}

/** One entry for each object, the newer one of two; undefined when nothing is new. */
function withNew<T extends Coordinates>(before: readonly T[] = [], shown: readonly T[] = []): T[] | undefined {
  const all = new Map(before.map((one) => [keyOf(one), one]));
  const news = shown.filter((one) => hashOf(all.get(keyOf(one))) !== hashOf(one));
  if (news.length === 0) return undefined;
  for (const one of news) all.set(keyOf(one), one);
  return [...all].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one);
}

const keyOf = ({ namespace, name, uid }: Coordinates): string => `${namespace}/${name}/${uid}`;

/** What else there is to an entry; undefined when there is no entry. */
const hashOf = (one: (Coordinates & { credentialHash?: string }) | undefined): string | undefined =>
  one && (one.credentialHash ?? '');
