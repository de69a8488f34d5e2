import type { ImageService } from '../api/generated/cri.ts';
import type { GrpcChannel } from '../rpc/grpc-channel.ts';
import type { ProtobufSchema, RpcMethod } from '../rpc/protobuf.ts';
import { hasRpcCode, RpcError } from '../rpc/rpc-error.ts';
import { type ContainerdMount, inCriNamespace } from './containerd-api.ts';
import { snapshotter } from './containerd-layers.ts';
import type { FileMount, ImageFiles } from './cri.ts';

/** Keeps a view, and all layers below it, from the collection of garbage. */
const labels = { 'containerd.io/gc.root': 'volume' };
const timeoutMs = 60_000;

/** Views of unpacked images in containerd, which cannot mount images by its CRI before 2.1. */
export class ContainerdImageFiles implements ImageFiles {
  readonly #channel: GrpcChannel;
  readonly #images: Pick<ImageService, 'ImageStatus'>;
  readonly #methods: Map<string, RpcMethod>;

  constructor(channel: GrpcChannel, schema: ProtobufSchema, images: Pick<ImageService, 'ImageStatus'>) {
    this.#channel = channel;
    this.#images = images;
    this.#methods = schema.methods('containerd.services.snapshots.v1.Snapshots');
  }

  async view(image: string, key: string): Promise<FileMount> {
    const parent = await this.#chainOf(image);
    const { mounts = [] } = await this.#call('View', { key, parent, labels }).catch((error: unknown) => {
      if (!hasRpcCode(error, 'AlreadyExists')) throw error;
      return this.#call('Mounts', { key });
    });
    const [{ type = '', source = '', options = [] } = {}] = mounts;
    return { type, source, options };
  }

  async release(key: string): Promise<void> {
    await this.#call('Remove', { key }).catch((error: unknown) => {
      if (!hasRpcCode(error, 'NotFound')) throw error;
    });
  }

  /** Names the image's layers together, as they are unpacked. */
  async #chainOf(image: string): Promise<string> {
    const { image: found, info } = await this.#images.ImageStatus({ image: { image }, verbose: true });
    if (!found) throw new RpcError('NotFound', `image "${image}" is not on the node`);
    return (JSON.parse(info?.['info'] ?? '{}') as { chainID?: string }).chainID ?? '';
  }

  #call(verb: string, request: object): Promise<{ mounts?: ContainerdMount[] }> {
    const method = this.#methods.get(verb) as RpcMethod;
    return this.#channel.unary(method, { snapshotter, ...request }, { headers: inCriNamespace, timeoutMs });
  }
}
