import type { ImageService, RuntimeService } from '../api/generated/cri.ts';
import { criDescriptor } from '../api/generated/cri.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { containerdDescriptor } from './containerd-api.ts';
import { ContainerdEvents } from './containerd-events.ts';
import { ContainerdImageFiles } from './containerd-image-files.ts';
import type { Cri } from './cri.ts';
import { GrpcChannel } from '../rpc/grpc-channel.ts';
import type { RpcMethod } from '../rpc/protobuf.ts';
import { ProtobufSchema } from '../rpc/protobuf.ts';

const minute = 60_000;

/** What a call may take at most, in milliseconds; the kubelet's own figures (`runtimeRequestTimeout` is 2 minutes). */
const timeoutsMs: Record<string, number> = {
  RunPodSandbox: 4 * minute,
  PullImage: 60 * minute,
};

/** The calls that wait as long as their request says (`timeout`, in seconds), and then the usual time. */
const waitingCalls = new Set(['StopContainer', 'ExecSync', 'CheckpointContainer']);

function timeoutMs(method: string, request: object): number {
  const usual = timeoutsMs[method] ?? 2 * minute;
  const { timeout } = request as { timeout?: number };
  return waitingCalls.has(method) ? usual + (timeout ?? 0) * 1000 : usual;
}

/**
 * The CRI of a containerd (1.6 or later) behind a unix socket, which may be in another network namespace. Returns at once;
 * the connection is made in the background and made again when it breaks. Every call rejects with `RpcError`.
 */
export function connectContainerd(socketPath: string, deps: { clock: Clock; log: Logger }): Cri {
  const channel = new GrpcChannel({ address: `unix://${socketPath}` }, deps.clock);
  const cri = new ProtobufSchema(criDescriptor);
  const own = new ProtobufSchema(containerdDescriptor);
  const events = new ContainerdEvents({ channel, schema: own, log: deps.log });
  const images = service<ImageService>(channel, cri.methods('runtime.v1.ImageService'));
  return {
    runtime: service<RuntimeService>(channel, cri.methods('runtime.v1.RuntimeService')),
    images,
    imageFiles: new ContainerdImageFiles(channel, own, images),
    subscribe: (sink) => events.subscribe(sink),
    close: () => {
      events.close();
      channel.close();
    },
  };
}

/** An object with one function per method of the service. */
function service<S>(channel: GrpcChannel, methods: Map<string, RpcMethod>): S {
  const calls = [...methods].map(([name, method]) => [
    name,
    (request: object) => channel.unary(method, request, { timeoutMs: timeoutMs(name, request) }),
  ]);
  return Object.fromEntries(calls) as S;
}
