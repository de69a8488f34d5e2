import type { ImageService, RuntimeService } from '../api/generated/cri.ts';

/** Something happened to a container or sandbox task; it reaches us about a millisecond after the kernel knew. */
export interface TaskEvent {
  type: 'create' | 'start' | 'exit' | 'oom' | 'delete';
  /** Container or sandbox id. Exits of exec sessions are not reported. */
  id: string;
  /** With `exit` and `delete`. */
  exitCode?: number;
  atMs: number;
}

export interface TaskEventSink {
  event(event: TaskEvent): void;
  /** The stream broke (the runtime restarted): subscribe again and relist. Not called after `stop` or `close`. */
  end(error?: unknown): void;
}

/** One mount, as mount(8) takes it. */
export interface FileMount {
  type: string;
  source: string;
  options: string[];
}

/** The files of images without a container: what volumes of images are made of (KEP-4639). */
export interface ImageFiles {
  /**
   * How to mount the files of an image that is on the node, read-only. They stay until they are released, also when the image
   * goes. The same key again gives the same files.
   */
  view(image: string, key: string): Promise<FileMount>;
  /** Lets them go; nothing when no view has this key. Unmount first. */
  release(key: string): Promise<void>;
}

/**
 * The container runtime as the node agent needs it: the CRI (runtime.v1), task events and files of images. 64-bit integers are numbers
 * (times in nanoseconds are therefore exact to a quarter of a microsecond), enums strings, bytes Buffers. proto3 leaves
 * zero values out: absent means zero, except that enum fields, `exitCode` and bytes are always there.
 * Calls reject with `RpcError`. `containerd-client.ts` is the real one, `fake.ts` the one for simulation;
 * `cri.contract.ts` is what both pass.
 */
export interface Cri {
  readonly runtime: RuntimeService;
  readonly images: ImageService;
  readonly imageFiles: ImageFiles;
  /** Events that happen before the runtime has registered the subscription are not seen: subscribe first, then relist. */
  subscribe(sink: TaskEventSink): { stop(): void };
  /** Ends the connection and all subscriptions. */
  close(): void;
}
