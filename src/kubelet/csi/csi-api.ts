import { ProtobufSchema, type RpcMethod } from '../../rpc/protobuf.ts';

/**
 * The Container Storage Interface, version 1 (csi.proto of github.com/container-storage-interface/spec, v1.11): the Node
 * service's messages as a protobufjs descriptor, field numbers as there. What a node never sends or reads is absent.
 */
const field = (type: string, id: number) => ({ type, id });
const repeated = (type: string, id: number) => ({ rule: 'repeated', type, id });
const strings = (id: number) => ({ keyType: 'string', type: 'string', id });
const message = (fields: Record<string, object>, more: object = {}) => ({ fields, ...more });
const empty = message({});
const rpc = (name: string) => ({ requestType: `${name}Request`, responseType: `${name}Response` });
const enumeration = (...names: string[]) => ({ values: Object.fromEntries(names.map((name, id) => [name, id])) });

const volumeCapability = message(
  { block: field('BlockVolume', 1), mount: field('MountVolume', 2), accessMode: field('AccessMode', 3) },
  {
    oneofs: { accessType: { oneof: ['block', 'mount'] } },
    nested: {
      BlockVolume: empty,
      MountVolume: message({
        fsType: field('string', 1),
        mountFlags: repeated('string', 2),
        volumeMountGroup: field('string', 3),
      }),
      AccessMode: message(
        { mode: field('Mode', 1) },
        {
          nested: {
            Mode: enumeration(
              'UNKNOWN',
              'SINGLE_NODE_WRITER',
              'SINGLE_NODE_READER_ONLY',
              'MULTI_NODE_READER_ONLY',
              'MULTI_NODE_SINGLE_WRITER',
              'MULTI_NODE_MULTI_WRITER',
              'SINGLE_NODE_SINGLE_WRITER',
              'SINGLE_NODE_MULTI_WRITER',
            ),
          },
        },
      ),
    },
  },
);

const nodeServiceCapability = message(
  { rpc: field('RPC', 1) },
  {
    nested: {
      RPC: message(
        { type: field('Type', 1) },
        {
          nested: {
            Type: enumeration(
              'UNKNOWN',
              'STAGE_UNSTAGE_VOLUME',
              'GET_VOLUME_STATS',
              'EXPAND_VOLUME',
              'VOLUME_CONDITION',
              'SINGLE_NODE_MULTI_WRITER',
              'VOLUME_MOUNT_GROUP',
            ),
          },
        },
      ),
    },
  },
);

const calls = [
  'NodeStageVolume',
  'NodeUnstageVolume',
  'NodePublishVolume',
  'NodeUnpublishVolume',
  'NodeExpandVolume',
  'NodeGetCapabilities',
  'NodeGetInfo',
];

const messages = {
  Node: { methods: Object.fromEntries(calls.map((name) => [name, rpc(name)])) },
  VolumeCapability: volumeCapability,
  NodeServiceCapability: nodeServiceCapability,
  CapacityRange: message({ requiredBytes: field('int64', 1), limitBytes: field('int64', 2) }),
  Topology: message({ segments: strings(1) }),
  NodeStageVolumeRequest: message({
    volumeId: field('string', 1),
    publishContext: strings(2),
    stagingTargetPath: field('string', 3),
    volumeCapability: field('VolumeCapability', 4),
    secrets: strings(5),
    volumeContext: strings(6),
  }),
  NodeStageVolumeResponse: empty,
  NodeUnstageVolumeRequest: message({ volumeId: field('string', 1), stagingTargetPath: field('string', 2) }),
  NodeUnstageVolumeResponse: empty,
  NodePublishVolumeRequest: message({
    volumeId: field('string', 1),
    publishContext: strings(2),
    stagingTargetPath: field('string', 3),
    targetPath: field('string', 4),
    volumeCapability: field('VolumeCapability', 5),
    readonly: field('bool', 6),
    secrets: strings(7),
    volumeContext: strings(8),
  }),
  NodePublishVolumeResponse: empty,
  NodeUnpublishVolumeRequest: message({ volumeId: field('string', 1), targetPath: field('string', 2) }),
  NodeUnpublishVolumeResponse: empty,
  NodeExpandVolumeRequest: message({
    volumeId: field('string', 1),
    volumePath: field('string', 2),
    capacityRange: field('CapacityRange', 3),
    stagingTargetPath: field('string', 4),
    volumeCapability: field('VolumeCapability', 5),
    secrets: strings(6),
  }),
  NodeExpandVolumeResponse: message({ capacityBytes: field('int64', 1) }),
  NodeGetCapabilitiesRequest: empty,
  NodeGetCapabilitiesResponse: message({ capabilities: repeated('NodeServiceCapability', 1) }),
  NodeGetInfoRequest: empty,
  NodeGetInfoResponse: message({
    nodeId: field('string', 1),
    maxVolumesPerNode: field('int64', 2),
    accessibleTopology: field('Topology', 3),
  }),
};

export type AccessModeName =
  | 'MULTI_NODE_READER_ONLY'
  | 'MULTI_NODE_MULTI_WRITER'
  | 'SINGLE_NODE_WRITER'
  | 'SINGLE_NODE_SINGLE_WRITER'
  | 'SINGLE_NODE_MULTI_WRITER'
  | 'UNKNOWN';

export interface VolumeCapability {
  block?: object;
  mount?: { fsType: string; mountFlags: readonly string[]; volumeMountGroup?: string };
  accessMode: { mode: AccessModeName };
}

export type NodeCapability =
  | 'STAGE_UNSTAGE_VOLUME'
  | 'GET_VOLUME_STATS'
  | 'EXPAND_VOLUME'
  | 'VOLUME_CONDITION'
  | 'SINGLE_NODE_MULTI_WRITER'
  | 'VOLUME_MOUNT_GROUP';

/** What a driver says of this node. */
export interface NodeInfo {
  nodeId?: string;
  /** 0 or absent: no limit. */
  maxVolumesPerNode?: number;
  accessibleTopology?: { segments?: Record<string, string> };
}

/** Made when the first driver registers: most nodes have none. */
export const nodeServiceMethods = (): Map<string, RpcMethod> =>
  new ProtobufSchema({ nested: { csi: { nested: { v1: { nested: messages } } } } }).methods('csi.v1.Node');
