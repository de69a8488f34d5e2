/** Which devices of which resource a container has: pod uid, container, resource, ids. */
export type Allocations = Map<string, Map<string, Map<string, readonly string[]>>>;

/** Ids of a resource that containers have. */
export function usedOf(allocations: Allocations, resource: string): Set<string> {
  const used = new Set<string>();
  for (const containers of allocations.values())
    for (const resources of containers.values()) for (const id of resources.get(resource) ?? []) used.add(id);
  return used;
}

export interface DeviceInfo {
  id: string;
  /** Of a plugin that is gone, none is. */
  isHealthy: boolean;
  /** NUMA nodes that it is near to. */
  numaNodes: readonly number[];
}

/**
 * Devices for a container that wants so many: healthy ones that nobody has, those of one NUMA node together where that is
 * enough. Undefined: there are too few.
 */
export function pickDevices(
  devices: Iterable<DeviceInfo>,
  used: ReadonlySet<string>,
  count: number,
): string[] | undefined {
  const free = [...devices].filter(({ id, isHealthy }) => isHealthy && !used.has(id));
  if (free.length < count) return undefined;
  const byNode = new Map<number, DeviceInfo[]>();
  for (const device of free) {
    const node = device.numaNodes[0] ?? -1;
    byNode.set(node, [...(byNode.get(node) ?? []), device]);
  }
  const enough = [...byNode.values()].filter((group) => group.length >= count).sort((a, b) => a.length - b.length);
  const ids = (enough[0] ?? free).map(({ id }) => id).sort();
  return ids.slice(0, count);
}

/** As it is kept in a file. */
export const toJson = (allocations: Allocations): object =>
  Object.fromEntries(
    [...allocations].map(([uid, containers]) => [
      uid,
      Object.fromEntries([...containers].map(([name, resources]) => [name, Object.fromEntries(resources)])),
    ]),
  );

export function fromJson(json: Record<string, Record<string, Record<string, string[]>>>): Allocations {
  return new Map(
    Object.entries(json).map(([uid, containers]) => [
      uid,
      new Map(Object.entries(containers).map(([name, resources]) => [name, new Map(Object.entries(resources))])),
    ]),
  );
}
