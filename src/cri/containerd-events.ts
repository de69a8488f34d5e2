import type { Logger } from '../base/log.ts';
import type { EventEnvelope, TaskEventPayload, Timestamp } from './containerd-api.ts';
import type { TaskEvent, TaskEventSink } from './cri.ts';
import type { GrpcChannel } from '../rpc/grpc-channel.ts';
import type { Codec, ProtobufSchema, RpcMethod } from '../rpc/protobuf.ts';
import { rpcErrorFrom } from '../rpc/rpc-error.ts';

/** containerd 1.6 has no CRI event stream (GetContainerEvents), its own events exist in every version. */
const taskTopics: Record<string, { type: TaskEvent['type']; message: string }> = {
  '/tasks/create': { type: 'create', message: 'containerd.events.TaskCreate' },
  '/tasks/start': { type: 'start', message: 'containerd.events.TaskStart' },
  '/tasks/exit': { type: 'exit', message: 'containerd.events.TaskExit' },
  '/tasks/oom': { type: 'oom', message: 'containerd.events.TaskOOM' },
  '/tasks/delete': { type: 'delete', message: 'containerd.events.TaskDelete' },
};

/** Decodes and delivers containerd's task events of the CRI's namespace. */
export class ContainerdEvents {
  readonly #channel: GrpcChannel;
  readonly #log: Logger;
  readonly #subscribe: RpcMethod;
  readonly #open = new Set<() => void>();
  readonly #payloads: Map<string, { type: TaskEvent['type']; codec: Codec<TaskEventPayload> }>;

  /** The schema is of containerd's own API. */
  constructor({ channel, schema, log }: { channel: GrpcChannel; schema: ProtobufSchema; log: Logger }) {
    this.#channel = channel;
    this.#log = log;
    this.#subscribe = schema.methods('containerd.services.events.v1.Events').get('Subscribe') as RpcMethod;
    this.#payloads = new Map(
      Object.entries(taskTopics).map(([topic, { type, message }]) => [topic, { type, codec: schema.codec(message) }]),
    );
  }

  /** Events between the call and the runtime's registration of it (about a millisecond) are not seen: relist after. */
  subscribe(sink: TaskEventSink): { stop(): void } {
    const request = { filters: ['topic~="/tasks/",namespace==k8s.io'] };
    const stream = this.#channel.serverStream(this.#subscribe, request);
    let open = true;
    const stop = () => {
      open = false;
      this.#open.delete(stop);
      stream.cancel();
    };
    this.#open.add(stop);
    const end = (error?: unknown) => {
      if (!open) return;
      stop();
      sink.end(error);
    };
    stream.on('data', (envelope: EventEnvelope) => {
      const event = open ? this.#decode(envelope) : undefined;
      if (event) sink.event(event);
    });
    stream.on('error', (error) => end(rpcErrorFrom(error)));
    stream.on('end', () => end());
    return { stop };
  }

  /** Ends all subscriptions without telling their sinks. */
  close(): void {
    for (const stop of this.#open) stop();
  }

  #decode(envelope: EventEnvelope): TaskEvent | undefined {
    const payload = this.#payloads.get(envelope.topic ?? '');
    if (!payload) return undefined;
    try {
      return taskEvent(payload.type, envelope, payload.codec.decode(envelope.event?.value ?? new Uint8Array()));
    } catch (error) {
      this.#log.warn({ topic: envelope.topic, error: String(error) }, 'a task event could not be decoded');
      return undefined;
    }
  }
}

/** The event as the node agent sees it; undefined for the end of an exec session. */
export function taskEvent(
  type: TaskEvent['type'],
  envelope: EventEnvelope,
  payload: TaskEventPayload,
): TaskEvent | undefined {
  const { containerId: id, id: process } = payload;
  if (!id || (process && process !== id)) return undefined;
  const atMs = timestampMs(payload.exitedAt ?? envelope.timestamp);
  return type === 'exit' || type === 'delete'
    ? { type, id, exitCode: payload.exitStatus ?? 0, atMs }
    : { type, id, atMs };
}

const timestampMs = (time: Timestamp | undefined): number =>
  (time?.seconds ?? 0) * 1000 + Math.floor((time?.nanos ?? 0) / 1e6);
