import { ProtobufSchema, type RpcMethod } from '../../rpc/protobuf.ts';

/**
 * The device plugin API (k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1) and the pod resources API (…/podresources/v1), as
 * protobufjs descriptors: field numbers as there, fields that are never read absent.
 */
const field = (type: string, id: number) => ({ type, id });
const repeated = (type: string, id: number) => ({ rule: 'repeated', type, id });
const strings = (id: number) => ({ keyType: 'string', type: 'string', id });
const message = (fields: Record<string, object>) => ({ fields });
const rpc = (requestType: string, responseType: string, streams: object = {}) => ({
  ...{ requestType, responseType, ...streams },
});

const inBoth = {
  CDIDevice: message({ name: field('string', 1) }),
  NUMANode: message({ ID: field('int64', 1) }),
  TopologyInfo: message({ nodes: repeated('NUMANode', 1) }),
};

const plugins = {
  Registration: { methods: { Register: rpc('RegisterRequest', 'Empty') } },
  DevicePlugin: {
    methods: {
      GetDevicePluginOptions: rpc('Empty', 'DevicePluginOptions'),
      ListAndWatch: rpc('Empty', 'ListAndWatchResponse', { responseStream: true }),
      GetPreferredAllocation: rpc('PreferredAllocationRequest', 'PreferredAllocationResponse'),
      Allocate: rpc('AllocateRequest', 'AllocateResponse'),
      PreStartContainer: rpc('PreStartContainerRequest', 'PreStartContainerResponse'),
    },
  },
  Empty: message({}),
  ...inBoth,
  DevicePluginOptions: message({
    preStartRequired: field('bool', 1),
    getPreferredAllocationAvailable: field('bool', 2),
  }),
  RegisterRequest: message({
    version: field('string', 1),
    endpoint: field('string', 2),
    resourceName: field('string', 3),
    options: field('DevicePluginOptions', 4),
  }),
  Device: message({ ID: field('string', 1), health: field('string', 2), topology: field('TopologyInfo', 3) }),
  ListAndWatchResponse: message({ devices: repeated('Device', 1) }),
  ContainerPreferredAllocationRequest: message({
    available: repeated('string', 1),
    mustInclude: repeated('string', 2),
    size: field('int32', 3),
  }),
  PreferredAllocationRequest: message({ containerRequests: repeated('ContainerPreferredAllocationRequest', 1) }),
  ContainerPreferredAllocationResponse: message({ deviceIds: repeated('string', 1) }),
  PreferredAllocationResponse: message({ containerResponses: repeated('ContainerPreferredAllocationResponse', 1) }),
  ContainerAllocateRequest: message({ deviceIds: repeated('string', 1) }),
  AllocateRequest: message({ containerRequests: repeated('ContainerAllocateRequest', 1) }),
  Mount: message({ containerPath: field('string', 1), hostPath: field('string', 2), readOnly: field('bool', 3) }),
  DeviceSpec: message({
    containerPath: field('string', 1),
    hostPath: field('string', 2),
    permissions: field('string', 3),
  }),
  ContainerAllocateResponse: message({
    envs: strings(1),
    mounts: repeated('Mount', 2),
    devices: repeated('DeviceSpec', 3),
    annotations: strings(4),
    cdiDevices: repeated('CDIDevice', 5),
  }),
  AllocateResponse: message({ containerResponses: repeated('ContainerAllocateResponse', 1) }),
  PreStartContainerRequest: message({ deviceIds: repeated('string', 1) }),
  PreStartContainerResponse: message({}),
};

const podResources = {
  PodResourcesLister: {
    methods: {
      List: rpc('ListPodResourcesRequest', 'ListPodResourcesResponse'),
      GetAllocatableResources: rpc('AllocatableResourcesRequest', 'AllocatableResourcesResponse'),
      Get: rpc('GetPodResourcesRequest', 'GetPodResourcesResponse'),
    },
  },
  ...inBoth,
  ListPodResourcesRequest: message({}),
  AllocatableResourcesRequest: message({}),
  GetPodResourcesRequest: message({ podName: field('string', 1), podNamespace: field('string', 2) }),
  ContainerDevices: message({
    resourceName: field('string', 1),
    deviceIds: repeated('string', 2),
    topology: field('TopologyInfo', 3),
  }),
  ClaimResource: message({
    cdiDevices: repeated('CDIDevice', 1),
    driverName: field('string', 2),
    poolName: field('string', 3),
    deviceName: field('string', 4),
    shareId: field('string', 5),
  }),
  DynamicResource: message({
    claimName: field('string', 2),
    claimNamespace: field('string', 3),
    claimResources: repeated('ClaimResource', 4),
  }),
  ContainerResources: message({
    name: field('string', 1),
    devices: repeated('ContainerDevices', 2),
    dynamicResources: repeated('DynamicResource', 5),
  }),
  PodResources: message({
    name: field('string', 1),
    namespace: field('string', 2),
    containers: repeated('ContainerResources', 3),
  }),
  ListPodResourcesResponse: message({ podResources: repeated('PodResources', 1) }),
  GetPodResourcesResponse: message({ podResources: field('PodResources', 1) }),
  AllocatableResourcesResponse: message({ devices: repeated('ContainerDevices', 1) }),
};

export interface PluginDevice {
  ID?: string;
  /** `Healthy`, or anything else. */
  health?: string;
  topology?: { nodes?: { ID?: number }[] };
}

export interface RegisterRequest {
  version?: string;
  /** Name of the plugin's socket in the folder of plugins. */
  endpoint?: string;
  resourceName?: string;
  options?: { preStartRequired?: boolean; getPreferredAllocationAvailable?: boolean };
}

/** What a container gets with its devices. */
export interface ContainerAllocation {
  envs?: Record<string, string>;
  mounts?: { containerPath?: string; hostPath?: string; readOnly?: boolean }[];
  devices?: { containerPath?: string; hostPath?: string; permissions?: string }[];
  annotations?: Record<string, string>;
  cdiDevices?: { name?: string }[];
}

/** Made when the first plugin is served: most nodes have none. */
export function deviceApis(): Record<'registration' | 'plugin' | 'resources', Map<string, RpcMethod>> {
  const own = new ProtobufSchema({ nested: { v1beta1: { nested: plugins } } });
  const lister = new ProtobufSchema({ nested: { v1: { nested: podResources } } });
  return {
    registration: own.methods('v1beta1.Registration'),
    plugin: own.methods('v1beta1.DevicePlugin'),
    resources: lister.methods('v1.PodResourcesLister'),
  };
}
