import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Rng, uuid } from '../base/rng.ts';
import type { RpcMethod } from '../rpc/protobuf.ts';
import { hasRpcCode } from '../rpc/rpc-error.ts';
import type { ContainerdDescriptor, ContainerdMount } from './containerd-api.ts';
import type { StoreCall } from './containerd-store.ts';

/** A layer on top of others, as it is unpacked. */
export interface Layer {
  /** Names the layer with all that are below it (OCI image spec, config.md: ChainID). */
  chainId: string;
  /** The chain id of the layer below; empty for the lowest. */
  parent: string;
  /** Its blob, which is stored. */
  blob: ContainerdDescriptor;
}

/** Label of an image's configuration: this chain lives as long as it does. */
export const snapshotLabel = 'containerd.io/gc.ref.snapshot.overlayfs';

/** Of all that knarr's containerds unpack. */
export const snapshotter = 'overlayfs';
const run = promisify(execFile);

/** Files are linked, folders made: two layers with one content, which nobody may change. */
const linkTree = (from: string, to: string): Promise<unknown> => run('cp', ['-a', '-l', `${from}/.`, to]);

/**
 * The unpacked layers of a containerd, which containers stand on. Several containerds of one file system hold each file
 * once: overlayfs never writes to a lower layer.
 */
export class ContainerdLayers {
  readonly #call: StoreCall;
  readonly #methods: Record<'snapshots' | 'diff', Map<string, RpcMethod>>;
  readonly #rng: Rng;

  constructor(call: StoreCall, methods: Record<'snapshots' | 'diff', Map<string, RpcMethod>>, { rng }: { rng: Rng }) {
    this.#call = call;
    this.#methods = methods;
    this.#rng = rng;
  }

  /**
   * Makes sure that the layer is unpacked; those below it must be. Its files are linked from the folder `shared` where that
   * is there; else they are unpacked from the blob, and linked to `shared` for the next one.
   */
  async unpack({ chainId, parent, blob }: Layer, shared: string | undefined, lease: string): Promise<void> {
    if (await this.#has(chainId)) return;
    const key = `knarr-${uuid(this.#rng)} ${chainId}`;
    const mounts = await this.#mounts('Prepare', { key, parent }, lease);
    try {
      const folder = folderOf(mounts);
      if (!shared || !(await isLinked(shared, folder))) {
        await this.#call(this.#methods.diff, 'Apply', { diff: blob, mounts }, lease);
        if (shared) await keep(folder, shared);
      }
      await this.#snapshots('Commit', { name: chainId, key }, lease);
    } catch (error) {
      await this.#snapshots('Remove', { key }, lease).catch(() => undefined);
      if (!hasRpcCode(error, 'AlreadyExists')) throw error;
    }
  }

  /** The folder of an unpacked layer, for reading and linking; undefined when it is not unpacked. */
  async folder(chainId: string, lease: string): Promise<string | undefined> {
    if (!(await this.#has(chainId))) return undefined;
    const key = `knarr-view-${uuid(this.#rng)}`;
    const mounts = await this.#mounts('View', { key, parent: chainId }, lease);
    await this.#snapshots('Remove', { key }, lease);
    return folderOf(mounts);
  }

  #has(chainId: string): Promise<boolean> {
    return this.#snapshots('Stat', { key: chainId }).then(
      () => true,
      (error: unknown) => {
        if (hasRpcCode(error, 'NotFound')) return false;
        throw error;
      },
    );
  }

  async #mounts(verb: 'Prepare' | 'View', request: object, lease: string): Promise<ContainerdMount[]> {
    return ((await this.#snapshots(verb, request, lease)) as { mounts?: ContainerdMount[] }).mounts ?? [];
  }

  #snapshots(verb: string, request: object, lease?: string): Promise<object> {
    return this.#call(this.#methods.snapshots, verb, { snapshotter, ...request }, lease);
  }
}

/** Where the files of the topmost layer are: a lone one is bound, one upon others is an overlay's upper or highest lower folder. */
export function folderOf(mounts: readonly ContainerdMount[]): string {
  const [{ type, source = '', options = [] } = {}] = mounts;
  if (type === 'bind') return source;
  const of = (name: string) => options.find((option) => option.startsWith(`${name}=`))?.slice(name.length + 1);
  const folder = of('upperdir') ?? of('lowerdir')?.split(':')[0];
  if (!folder) throw new Error(`a layer is mounted in a way that is not known: ${JSON.stringify(mounts)}`);
  return folder;
}

/** Whole or not at all; without it, where links are not possible, the next one unpacks for itself. */
async function keep(folder: string, shared: string): Promise<void> {
  const partial = `${shared}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(dirname(shared), { recursive: true });
  await mkdir(partial);
  await linkTree(folder, partial).then(
    () => rename(partial, shared),
    () => rm(partial, { recursive: true, force: true }),
  );
}

/** False where there is nothing to link, or it is on another file system. */
const isLinked = (from: string, to: string): Promise<boolean> =>
  stat(from)
    .then(() => linkTree(from, to))
    .then(
      () => true,
      () => false,
    );
