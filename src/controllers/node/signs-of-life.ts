import type { Lease, Node } from '../../api/generated/types.ts';
import type { Clock } from '../../base/clock.ts';

/** The last sign of life of each node and when it was seen, by our own clock: clocks of machines differ. */
export class SignsOfLife {
  readonly #clock: Clock;
  readonly #heard = new Map<string, { sign: string; atMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** For how long nothing has been heard of the node; what is new in these objects is taken down. */
  silentMs({ metadata, status }: Node, lease: Lease | undefined): number {
    const ready = status?.conditions?.find(({ type }) => type === 'Ready');
    // A condition that the controller wrote is no sign of life.
    const heartbeat = ready?.reason === 'NodeStatusUnknown' ? '' : ready?.lastHeartbeatTime;
    const sign = `${metadata.uid} ${lease?.spec.renewTime ?? ''} ${heartbeat ?? ''}`;
    const known = this.#heard.get(metadata.name);
    if (known?.sign === sign) return this.#clock.now() - known.atMs;
    this.#heard.set(metadata.name, { sign, atMs: this.#clock.now() });
    return 0;
  }

  forget(name: string): void {
    this.#heard.delete(name);
  }
}
