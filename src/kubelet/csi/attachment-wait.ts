import type { Node } from '../../api/generated/types.ts';
import type { Clock } from '../../base/clock.ts';

/** As long as Kubernetes waits for the volumes of a pod before it says that they do not come. */
const waitMs = 123_000;

interface Waiter {
  volume: string;
  attached(): void;
}

/**
 * Waits until a volume is attached to this node, by what the node's own object says: first the node tells that it uses the
 * volume, then the controller tells that it is attached. After that the controller may not take it away unasked.
 */
export class AttachmentWait {
  readonly #clock: Clock;
  readonly #waiters = new Set<Waiter>();
  #node: Node | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The node's object has changed. */
  observe(node: Node): void {
    this.#node = node;
    for (const waiter of this.#waiters) if (isAttached(node, waiter.volume)) waiter.attached();
  }

  /** Rejects with the signal's reason, or when it lasts too long. */
  async wait(volume: string, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.#node && isAttached(this.#node, volume)) return;
    await new Promise<void>((resolve, reject) => {
      const end = (settle: () => void) => {
        cancel();
        signal?.removeEventListener('abort', aborted);
        this.#waiters.delete(waiter);
        settle();
      };
      const aborted = () => end(() => reject(signal?.reason));
      const cancel = this.#clock.after(waitMs, () =>
        end(() => reject(new Error('timed out waiting for the condition'))),
      );
      const waiter: Waiter = { volume, attached: () => end(resolve) };
      this.#waiters.add(waiter);
      signal?.addEventListener('abort', aborted, { once: true });
    });
  }
}

const isAttached = ({ status }: Node, volume: string): boolean =>
  status?.volumesInUse?.includes(volume) === true &&
  status.volumesAttached?.some(({ name }) => name === volume) === true;
