/**
 * The part of containerd's own gRPC API (v1, unchanged since 1.0) that knarr uses, as a protobufjs descriptor. Field
 * numbers as in github.com/containerd/containerd/api; fields we never read are absent, protobuf skips them.
 */
const field = (type: string, id: number) => ({ type, id });
const repeated = (type: string, id: number) => ({ rule: 'repeated', type, id });
const stringMap = (id: number) => ({ keyType: 'string', type: 'string', id });
const message = (fields: Record<string, object>) => ({ fields });
const rpc = (requestType: string, responseType: string, streams: object = {}) => ({
  requestType,
  responseType,
  ...streams,
});

const wellKnown = {
  Timestamp: message({ seconds: field('int64', 1), nanos: field('int32', 2) }),
  Any: message({ type_url: field('string', 1), value: field('bytes', 2) }),
  Empty: message({}),
  FieldMask: message({ paths: repeated('string', 1) }),
};

const taskEvents = {
  TaskCreate: message({ container_id: field('string', 1) }),
  TaskStart: message({ container_id: field('string', 1), pid: field('uint32', 2) }),
  TaskDelete: message({
    container_id: field('string', 1),
    exit_status: field('uint32', 3),
    exited_at: field('google.protobuf.Timestamp', 4),
    id: field('string', 5),
  }),
  TaskExit: message({
    container_id: field('string', 1),
    id: field('string', 2),
    exit_status: field('uint32', 4),
    exited_at: field('google.protobuf.Timestamp', 5),
  }),
  TaskOOM: message({ container_id: field('string', 1) }),
};

const eventsService = {
  Events: { methods: { Subscribe: rpc('SubscribeRequest', 'Envelope', { responseStream: true }) } },
  SubscribeRequest: message({ filters: repeated('string', 1) }),
  Envelope: message({
    timestamp: field('google.protobuf.Timestamp', 1),
    namespace: field('string', 2),
    topic: field('string', 3),
    event: field('google.protobuf.Any', 4),
  }),
};

const contentService = {
  Content: {
    methods: {
      Write: rpc('WriteContentRequest', 'WriteContentResponse', { requestStream: true, responseStream: true }),
    },
  },
  WriteAction: { values: { STAT: 0, WRITE: 1, COMMIT: 2 } },
  WriteContentRequest: message({
    action: field('WriteAction', 1),
    ref: field('string', 2),
    total: field('int64', 3),
    expected: field('string', 4),
    offset: field('int64', 5),
    data: field('bytes', 6),
    labels: stringMap(7),
  }),
  WriteContentResponse: message({
    action: field('WriteAction', 1),
    offset: field('int64', 4),
    total: field('int64', 5),
    digest: field('string', 6),
  }),
};

const imagesService = {
  Images: {
    methods: {
      List: rpc('ListImagesRequest', 'ListImagesResponse'),
      Create: rpc('ImageRequest', 'ImageResponse'),
      Update: rpc('UpdateImageRequest', 'ImageResponse'),
    },
  },
  ListImagesRequest: message({}),
  ListImagesResponse: message({ images: repeated('Image', 1) }),
  Image: message({ name: field('string', 1), labels: stringMap(2), target: field('containerd.types.Descriptor', 3) }),
  ImageRequest: message({ image: field('Image', 1) }),
  UpdateImageRequest: message({ image: field('Image', 1), update_mask: field('google.protobuf.FieldMask', 2) }),
  ImageResponse: message({ image: field('Image', 1) }),
};

const types = {
  Descriptor: message({ media_type: field('string', 1), digest: field('string', 2), size: field('int64', 3) }),
  Mount: message({ type: field('string', 1), source: field('string', 2), options: repeated('string', 4) }),
};

const snapshotsService = {
  Snapshots: {
    methods: {
      Prepare: rpc('PrepareRequest', 'MountsResponse'),
      View: rpc('PrepareRequest', 'MountsResponse'),
      Mounts: rpc('KeyRequest', 'MountsResponse'),
      Commit: rpc('CommitRequest', 'google.protobuf.Empty'),
      Stat: rpc('KeyRequest', 'StatResponse'),
      Remove: rpc('KeyRequest', 'google.protobuf.Empty'),
    },
  },
  PrepareRequest: message({
    snapshotter: field('string', 1),
    key: field('string', 2),
    parent: field('string', 3),
    labels: stringMap(4),
  }),
  MountsResponse: message({ mounts: repeated('containerd.types.Mount', 1) }),
  CommitRequest: message({ snapshotter: field('string', 1), name: field('string', 2), key: field('string', 3) }),
  KeyRequest: message({ snapshotter: field('string', 1), key: field('string', 2) }),
  StatResponse: message({}),
};

const diffService = {
  Diff: { methods: { Apply: rpc('ApplyRequest', 'ApplyResponse') } },
  ApplyRequest: message({
    diff: field('containerd.types.Descriptor', 1),
    mounts: repeated('containerd.types.Mount', 2),
  }),
  ApplyResponse: message({ applied: field('containerd.types.Descriptor', 1) }),
};

const leasesService = {
  Leases: {
    methods: {
      Create: rpc('CreateRequest', 'CreateResponse'),
      Delete: rpc('DeleteRequest', 'google.protobuf.Empty'),
    },
  },
  CreateRequest: message({ id: field('string', 1), labels: stringMap(3) }),
  CreateResponse: message({}),
  DeleteRequest: message({ id: field('string', 1), sync: field('bool', 2) }),
};

const v1 = (nested: object) => ({ nested: { v1: { nested } } });

export const containerdDescriptor = {
  nested: {
    google: { nested: { protobuf: { nested: wellKnown } } },
    containerd: {
      nested: {
        events: { nested: taskEvents },
        types: { nested: types },
        services: {
          nested: {
            events: v1(eventsService),
            content: v1(contentService),
            images: v1(imagesService),
            leases: v1(leasesService),
            snapshots: v1(snapshotsService),
            diff: v1(diffService),
          },
        },
      },
    },
  },
};

/** Of each call: the namespace that the CRI reads. */
export const inCriNamespace = { 'containerd-namespace': 'k8s.io' };

/** Messages of containerd's own services, in camelCase. */
export interface Timestamp {
  seconds?: number;
  nanos?: number;
}

export interface EventEnvelope {
  timestamp?: Timestamp;
  namespace?: string;
  topic?: string;
  event?: { typeUrl?: string; value?: Uint8Array };
}

/** The fields of TaskCreate, TaskStart, TaskExit, TaskDelete and TaskOOM together. */
export interface TaskEventPayload {
  containerId?: string;
  /** The process: the container id itself, or the id of an exec session. */
  id?: string;
  exitStatus?: number;
  exitedAt?: Timestamp;
}

export interface WriteContentRequest {
  action: 'STAT' | 'WRITE' | 'COMMIT';
  ref: string;
  total: number;
  expected: string;
  offset: number;
  data?: Uint8Array;
  labels?: Record<string, string>;
}

export interface WriteContentResponse {
  action?: 'STAT' | 'WRITE' | 'COMMIT';
  offset?: number;
}

export interface ContainerdDescriptor {
  mediaType: string;
  digest: string;
  size: number;
}

export interface ContainerdImage {
  name: string;
  labels?: Record<string, string>;
  target: ContainerdDescriptor;
}

/** As mount(8) takes it. */
export interface ContainerdMount {
  type?: string;
  source?: string;
  options?: string[];
}
