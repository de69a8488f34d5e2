import { access, link, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ClientDuplexStream } from '@grpc/grpc-js';
import type { Clock } from '../base/clock.ts';
import type { Rng } from '../base/rng.ts';
import { uuid } from '../base/rng.ts';
import type { ContainerdImage, WriteContentRequest, WriteContentResponse } from './containerd-api.ts';
import { containerdDescriptor, inCriNamespace } from './containerd-api.ts';
import { containerdPaths } from './containerd-config.ts';
import { ContainerdLayers } from './containerd-layers.ts';
import { GrpcChannel } from '../rpc/grpc-channel.ts';
import type { RpcMethod } from '../rpc/protobuf.ts';
import { ProtobufSchema } from '../rpc/protobuf.ts';
import { hasRpcCode, RpcError, rpcErrorFrom } from '../rpc/rpc-error.ts';

export interface Blob {
  /** `sha256:…`; containerd checks it. */
  digest: string;
  /** Bytes. */
  size: number;
  /** The blob's bytes, in pieces of less than 16 MiB. */
  read(): AsyncIterable<Uint8Array>;
  /** A file with just these bytes that nobody ever changes: it is linked, not copied, where that is possible. */
  file?: string;
  /** `containerd.io/gc.ref.content.*` labels name the blobs that live as long as this one. */
  labels?: Record<string, string>;
}

const service = (name: string) => `containerd.services.${name}.v1.${name[0]?.toUpperCase()}${name.slice(1)}`;
const callTimeoutMs = 60_000;
const writeTimeoutMs = 30 * 60_000;

/** What is written under a lease is not collected as garbage before the lease ends: at the latest after an hour. */
const leaseLifeMs = 3_600_000;

/** A call of containerd's API, under a lease where there is one. */
export type StoreCall = (
  methods: Map<string, RpcMethod>,
  name: string,
  request: object,
  lease?: string,
) => Promise<object>;

/** containerd's content and image stores, in the namespace the CRI reads. Calls reject with `RpcError`. */
export class ContainerdStore {
  readonly #channel: GrpcChannel;
  readonly #clock: Clock;
  readonly #rng: Rng;
  readonly #content: Map<string, RpcMethod>;
  readonly #images: Map<string, RpcMethod>;
  readonly #leases: Map<string, RpcMethod>;
  /** The unpacked layers of images. */
  readonly layers: ContainerdLayers;
  /** Of the content store: `blobs/sha256/…` is below it, as in an OCI layout. */
  readonly contentDir: string;

  constructor(socketPath: string, deps: { clock: Clock; rng: Rng }) {
    this.#channel = new GrpcChannel({ address: `unix://${socketPath}` }, deps.clock);
    this.#clock = deps.clock;
    this.#rng = deps.rng;
    const schema = new ProtobufSchema(containerdDescriptor);
    this.#content = schema.methods(service('content'));
    this.#images = schema.methods(service('images'));
    this.#leases = schema.methods(service('leases'));
    const call: StoreCall = (methods, name, request, lease) => this.#call(methods, name, request, lease);
    const layerMethods = { snapshots: schema.methods(service('snapshots')), diff: schema.methods(service('diff')) };
    this.layers = new ContainerdLayers(call, layerMethods, deps);
    this.contentDir = `${containerdPaths(dirname(socketPath)).root}/io.containerd.content.v1.content`;
  }

  /** Runs `work` under a lease: until it ends nothing it wrote is garbage. */
  async withLease<T>(work: (lease: string) => Promise<T>): Promise<T> {
    const id = `knarr-${uuid(this.#rng)}`;
    const expire = new Date(this.#clock.now() + leaseLifeMs).toISOString();
    await this.#call(this.#leases, 'Create', { id, labels: { 'containerd.io/gc.expire': expire } });
    try {
      return await work(id);
    } finally {
      await this.#call(this.#leases, 'Delete', { id }).catch(() => undefined);
    }
  }

  /** Stores a blob; false when it was there already. */
  async writeBlob(blob: Blob, lease: string): Promise<boolean> {
    const method = this.#content.get('Write') as RpcMethod;
    const stream = this.#channel.bidiStream(method, {
      headers: { ...inCriNamespace, 'containerd-lease': lease },
      timeoutMs: writeTimeoutMs,
    });
    try {
      const linked = blob.file ? await this.#linkBlob(blob.digest, blob.file) : undefined;
      await sendBlob(stream as unknown as WriteStream, blob, `${lease}-${blob.digest}`);
      // Collected as garbage before it was anything else: nothing was written in its place.
      if (linked) await access(linked);
      return true;
    } catch (error) {
      if (hasRpcCode(error, 'AlreadyExists')) return false;
      throw error;
    } finally {
      stream.cancel();
    }
  }

  /** With the file in its place containerd takes the blob for one that it has, of another of its namespaces. */
  async #linkBlob(digest: string, file: string): Promise<string | undefined> {
    const path = `${this.contentDir}/blobs/sha256/${digest.slice('sha256:'.length)}`;
    // A new containerd makes the folder with its first blob.
    await mkdir(dirname(path), { recursive: true });
    return link(file, path).then(
      () => path,
      // Another file system, or it is there already: the blob is written.
      () => undefined,
    );
  }

  /** All images, under all their names. */
  async images(): Promise<ContainerdImage[]> {
    return ((await this.#call(this.#images, 'List', {})) as { images?: ContainerdImage[] }).images ?? [];
  }

  /** Names a stored manifest or index; a name that exists moves. */
  async putImage(image: ContainerdImage): Promise<void> {
    try {
      await this.#call(this.#images, 'Create', { image });
    } catch (error) {
      if (!hasRpcCode(error, 'AlreadyExists')) throw error;
      await this.#call(this.#images, 'Update', { image, updateMask: { paths: ['target', 'labels'] } });
    }
  }

  close(): void {
    this.#channel.close();
  }

  #call(methods: Map<string, RpcMethod>, name: string, request: object, lease?: string): Promise<object> {
    const own = lease ? { ...inCriNamespace, 'containerd-lease': lease } : inCriNamespace;
    return this.#channel.unary(methods.get(name) as RpcMethod, request, { headers: own, timeoutMs: callTimeoutMs });
  }
}

type WriteStream = ClientDuplexStream<WriteContentRequest, WriteContentResponse>;

/** Asks first (a blob that exists is refused before any byte is sent), then sends what is not there yet, then commits. */
async function sendBlob(stream: WriteStream, blob: Blob, ref: string): Promise<void> {
  const head = { ref, total: blob.size, expected: blob.digest };
  const replies = repliesOf(stream);
  await send(stream, { ...head, action: 'STAT', offset: 0 });
  let { offset = 0 } = await replies.first;
  if (offset < blob.size) {
    offset = 0;
    for await (const data of blob.read()) {
      await Promise.race([send(stream, { ...head, action: 'WRITE', offset, data }), replies.committed]);
      offset += data.length;
    }
  }
  await send(stream, { ...head, action: 'COMMIT', offset, labels: blob.labels ?? {} });
  await replies.committed;
}

/** `first` settles with the first answer, `committed` with the answer to COMMIT; both reject when the stream breaks. */
function repliesOf(stream: WriteStream): {
  first: Promise<WriteContentResponse>;
  committed: Promise<WriteContentResponse>;
} {
  const until = (enough: (reply: WriteContentResponse) => boolean) =>
    new Promise<WriteContentResponse>((resolve, reject) => {
      stream.on('data', (reply: WriteContentResponse) => enough(reply) && resolve(reply));
      stream.on('error', (error) => reject(rpcErrorFrom(error)));
      stream.on('end', () => reject(new RpcError('Unavailable', 'the content stream ended early')));
    });
  const first = until(() => true);
  const committed = until((reply) => reply.action === 'COMMIT');
  // The one that is not being waited for must not count as unhandled.
  first.catch(() => undefined);
  committed.catch(() => undefined);
  return { first, committed };
}

/** Resolves when the stream takes more. */
function send(stream: WriteStream, message: WriteContentRequest): Promise<void> {
  return new Promise((resolve) => stream.write(message, () => resolve()));
}
