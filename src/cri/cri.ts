import type { ImageService, RuntimeService } from '../api/generated/cri.ts';

/** Something happened to a container or sandbox task; it reaches us about a millisecond after the kernel knew. */
export interface TaskEvent {
  type: 'create' | 'start' | 'exit' | 'oom' | 'delete';
  /** Container or sandbox id. Exits of exec sessions are not reported. */
  id: string;
  exitCode?: number;
  atMs: number;
}

export interface TaskEventSink {
  event(event: TaskEvent): void;
  /** The stream broke (the runtime restarted): subscribe again and relist. Not called after `stop`. */
  end(error?: unknown): void;
}

/**
 * The container runtime as the node agent needs it: the CRI (runtime.v1) plus task events. 64-bit integers are numbers,
 * enums strings. `containerd.ts` is the real one, `fake.ts` the one for simulation; `cri.contract.ts` is what both pass.
 */
export interface Cri {
  readonly runtime: RuntimeService;
  readonly images: ImageService;
  subscribe(sink: TaskEventSink): { stop(): void };
  close(): void;
}
