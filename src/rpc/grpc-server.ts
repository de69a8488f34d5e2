import grpc from '@grpc/grpc-js';
import type { RpcMethod } from './protobuf.ts';
import { RpcError } from './rpc-error.ts';

/** Answers one kind of call. A rejection with `RpcError` is told with its code, any other as `Unknown`. */
export type UnaryHandler = (request: object) => Promise<object>;
/** Answers with many messages: `send` as often as there is news, until the signal aborts. */
export type StreamHandler = (request: object, send: (message: object) => void, signal: AbortSignal) => void;

export interface ServedMethod {
  method: RpcMethod;
  unary?: UnaryHandler;
  stream?: StreamHandler;
}

/** A gRPC server on a socket of this machine. */
export class GrpcServer {
  readonly #server: grpc.Server;

  private constructor(server: grpc.Server) {
    this.#server = server;
  }

  /** Resolves when it listens. The path must be free: a socket file of before is the caller's to remove. */
  static async listen(socketPath: string, methods: readonly ServedMethod[]): Promise<GrpcServer> {
    const server = new grpc.Server();
    for (const { method, unary, stream } of methods) {
      const definition = {
        path: method.path,
        requestStream: false,
        responseStream: stream !== undefined,
        requestSerialize: method.request.encode,
        requestDeserialize: method.request.decode,
        responseSerialize: method.response.encode,
        responseDeserialize: method.response.decode,
      };
      const handler = stream ? streaming(stream) : answering(unary ?? unimplemented);
      server.addService({ call: definition } as grpc.ServiceDefinition, { call: handler });
    }
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(`unix://${socketPath}`, grpc.ServerCredentials.createInsecure(), (error) =>
        error ? reject(error) : resolve(),
      );
    });
    return new GrpcServer(server);
  }

  close(): void {
    this.#server.forceShutdown();
  }
}

const unimplemented: UnaryHandler = () => Promise.reject(new RpcError('Unimplemented', 'this call is not served'));

const answering =
  (handle: UnaryHandler): grpc.handleUnaryCall<object, object> =>
  (call, callback) => {
    handle(call.request).then(
      (response) => callback(null, response),
      (error: unknown) => callback(statusOf(error)),
    );
  };

const streaming =
  (handle: StreamHandler): grpc.handleServerStreamingCall<object, object> =>
  (call) => {
    const abort = new AbortController();
    call.on('cancelled', () => abort.abort());
    call.on('error', () => abort.abort());
    handle(call.request, (message) => call.write(message), abort.signal);
  };

function statusOf(error: unknown): { code: grpc.status; details: string } {
  const details = error instanceof Error ? error.message : String(error);
  if (!(error instanceof RpcError)) return { code: grpc.status.UNKNOWN, details };
  const name = error.code.replaceAll(/(?!^)([A-Z])/g, '_$1').toUpperCase();
  return { code: grpc.status[name as keyof typeof grpc.status] ?? grpc.status.UNKNOWN, details };
}
