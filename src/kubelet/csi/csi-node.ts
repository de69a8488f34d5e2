import { csinodes, nodes } from '../../api/generated/resources.ts';
import type { CSINode, CSINodeDriver, Node } from '../../api/generated/types.ts';
import { isAlreadyExists, isConflict, isNotFound } from '../../api/meta/status-error.ts';
import { migratedPlugins } from '../../api/storage/in-tree.ts';
import { backoffMs } from '../../base/backoff.ts';
import { type Clock, sleep } from '../../base/clock.ts';
import type { Client } from '../../client/client.ts';
import type { NodeInfo } from './csi-api.ts';

const migratedAnnotation = 'storage.alpha.kubernetes.io/migrated-plugins';
const nodeIdAnnotation = 'csi.volume.kubernetes.io/nodeid';
/** A write that met another one is made again so often. */
const attempts = 4;
const pause = { baseMs: 10, maxMs: 1000 };

/** Writes what drivers say of this node: into its CSINode, and topology and ids into the Node. */
export class CsiNodeWriter {
  readonly #deps: { client: Client; clock: Clock };
  readonly #nodeName: string;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(deps: { client: Client; clock: Clock }, nodeName: string) {
    this.#deps = deps;
    this.#nodeName = nodeName;
  }

  /** Makes the CSINode if there is none: every node has one, with drivers or without. */
  async ensure(): Promise<void> {
    await this.#inTurn(() => this.#csiNode());
  }

  /** Rejects when the driver's word contradicts the node's labels. */
  async install(driver: string, { nodeId = '', maxVolumesPerNode = 0, accessibleTopology }: NodeInfo): Promise<void> {
    if (nodeId === '') throw new Error('error adding CSI driver node info: driverNodeID must not be empty');
    const topology = accessibleTopology?.segments ?? {};
    const entry: CSINodeDriver = {
      ...{ name: driver, nodeID: nodeId, topologyKeys: Object.keys(topology).sort() },
      ...(maxVolumesPerNode > 0 ? { allocatable: { count: maxVolumesPerNode } } : {}),
    };
    await this.#inTurn(async () => {
      const wanted = (node: Node) => ({
        labels: newLabels(node, topology),
        annotations: nodeIdsOf(node, (ids) => ({ ...ids, [driver]: nodeId })),
      });
      await this.#writeNode(wanted);
      await this.#writeDrivers((drivers) => [...drivers.filter(({ name }) => name !== driver), entry]);
    });
  }

  async uninstall(driver: string): Promise<void> {
    await this.#inTurn(async () => {
      await this.#writeDrivers((drivers) => drivers.filter(({ name }) => name !== driver));
      const without = (ids: NodeIds) => Object.fromEntries(Object.entries(ids).filter(([name]) => name !== driver));
      await this.#writeNode((node) => ({ annotations: nodeIdsOf(node, without) }));
    });
  }

  /** One write after another, each again when somebody else's came in between. */
  async #inTurn(write: () => Promise<unknown>): Promise<void> {
    const again = async (): Promise<void> => {
      for (let failures = 1; ; failures++) {
        try {
          await write();
          return;
        } catch (error) {
          if (failures === attempts || !(isConflict(error) || isAlreadyExists(error))) throw error;
          await sleep(this.#deps.clock, backoffMs(failures, pause));
        }
      }
    };
    const turn = this.#writing.catch(() => undefined).then(again);
    this.#writing = turn;
    await turn;
  }

  async #csiNode(): Promise<CSINode> {
    const { client } = this.#deps;
    const name = this.#nodeName;
    try {
      return await client.get(csinodes, { name });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    const { metadata } = await client.get(nodes, { name });
    const owner = { apiVersion: 'v1', kind: 'Node', name, uid: metadata.uid ?? '' };
    const annotations = { [migratedAnnotation]: migratedPlugins.join(',') };
    const made = { name, annotations, ownerReferences: [owner] };
    return client.create(csinodes, { metadata: made, spec: { drivers: [] } });
  }

  async #writeDrivers(change: (drivers: readonly CSINodeDriver[]) => CSINodeDriver[]): Promise<void> {
    const known = await this.#csiNode();
    const before = known.spec.drivers ?? [];
    const drivers = change(before);
    if (JSON.stringify(sorted(drivers)) === JSON.stringify(sorted(before))) return;
    await this.#deps.client.update(csinodes, { ...known, spec: { ...known.spec, drivers } });
  }

  async #writeNode(change: (node: Node) => { labels?: object; annotations?: object }): Promise<void> {
    const { client } = this.#deps;
    const node = await client.get(nodes, { name: this.#nodeName });
    const { labels = {}, annotations = {} } = change(node);
    if (Object.keys(labels).length + Object.keys(annotations).length === 0) return;
    const body = { metadata: { resourceVersion: node.metadata.resourceVersion, labels, annotations } };
    await client.patch(nodes, { name: this.#nodeName }, { type: 'merge', body });
  }
}

/** The parts that are written here, in one order. */
const sorted = (drivers: readonly CSINodeDriver[]) =>
  drivers
    .map(({ name, nodeID, topologyKeys, allocatable }) => [name, nodeID, topologyKeys ?? [], allocatable?.count ?? 0])
    .toSorted(([a = ''], [b = '']) => (a < b ? -1 : 1));

/** Labels that the node does not have yet. Throws when it has another value. */
function newLabels({ metadata }: Node, topology: Record<string, string>): Record<string, string> {
  for (const [key, value] of Object.entries(topology)) {
    const known = metadata.labels?.[key];
    if (known !== undefined && known !== value)
      throw new Error(
        `detected topology value collision: driver reported "${key}":"${value}" but existing label is "${key}":"${known}"`,
      );
  }
  return Object.fromEntries(Object.entries(topology).filter(([key]) => metadata.labels?.[key] === undefined));
}

type NodeIds = Record<string, string>;

/** The annotation as it is to be; nothing when it is so already. */
function nodeIdsOf({ metadata }: Node, change: (ids: NodeIds) => NodeIds): Record<string, string | null> {
  const before = metadata.annotations?.[nodeIdAnnotation];
  const ids = change(parsed(before));
  const after = Object.keys(ids).length === 0 ? undefined : JSON.stringify(ids);
  return after === before ? {} : { [nodeIdAnnotation]: after ?? null };
}

function parsed(text: string | undefined): NodeIds {
  try {
    return text ? JSON.parse(text) : {};
  } catch {
    // Somebody else's writing: what is written now is what drivers say.
    return {};
  }
}
