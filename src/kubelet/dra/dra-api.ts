import { ProtobufSchema, type RpcMethod } from '../../rpc/protobuf.ts';

/**
 * What a node asks of drivers of devices that are claimed (k8s.io/kubelet/pkg/apis/dra/v1, dra.proto), as a protobufjs descriptor
 * with the field numbers from there. v1beta1 differs by its name only.
 */
const field = (type: string, id: number) => ({ type, id });
const repeated = (type: string, id: number) => ({ rule: 'repeated', type, id });
const rpc = (name: string) => ({ requestType: `${name}Request`, responseType: `${name}Response` });
const byClaim = (type: string) => ({ fields: { claims: { keyType: 'string', type, id: 1 } } });
const ofClaims = { fields: { claims: repeated('Claim', 1) } };

const messages = {
  DRAPlugin: {
    methods: {
      NodePrepareResources: rpc('NodePrepareResources'),
      NodeUnprepareResources: rpc('NodeUnprepareResources'),
    },
  },
  Claim: { fields: { namespace: field('string', 1), uid: field('string', 2), name: field('string', 3) } },
  Device: {
    fields: {
      requestNames: repeated('string', 1),
      poolName: field('string', 2),
      deviceName: field('string', 3),
      cdiDeviceIds: repeated('string', 4),
      shareId: field('string', 5),
    },
  },
  NodePrepareResourcesRequest: ofClaims,
  NodePrepareResourcesResponse: byClaim('NodePrepareResourceResponse'),
  NodePrepareResourceResponse: { fields: { devices: repeated('Device', 1), error: field('string', 2) } },
  NodeUnprepareResourcesRequest: ofClaims,
  NodeUnprepareResourcesResponse: byClaim('NodeUnprepareResourceResponse'),
  NodeUnprepareResourceResponse: { fields: { error: field('string', 1) } },
};

export interface ClaimReference {
  namespace: string;
  uid: string;
  name: string;
}

/** A device that is ready on this node. */
export interface PreparedDevice {
  /** Requests of the claim that it is for: `main`, or `main/sub`; none: all. */
  requestNames?: string[];
  poolName?: string;
  deviceName?: string;
  /** `vendor.com/class=name`: what containers get, by the Container Device Interface. */
  cdiDeviceIds?: string[];
  shareId?: string;
}

/** By uid of the claim. */
export interface PrepareAnswer {
  claims?: Record<string, { devices?: PreparedDevice[]; error?: string }>;
}

/** Versions of the interface, by how plugins name them; the newest first. */
export const draVersions = { 'v1.DRAPlugin': 'v1', 'v1beta1.DRAPlugin': 'v1beta1' } as const;
export type DraVersion = (typeof draVersions)[keyof typeof draVersions];

/** Made when the first driver registers: most nodes have none. */
export const draMethods = (version: DraVersion): Map<string, RpcMethod> => {
  const path = ['k8s', 'io', 'kubelet', 'pkg', 'apis', 'dra', version];
  const nested = path.reduceRight<object>((inner, name) => ({ [name]: { nested: inner } }), messages);
  return new ProtobufSchema({ nested }).methods(`${path.join('.')}.DRAPlugin`);
};
