import { backoffMs } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Cri } from '../../cri/cri.ts';

interface KeeperDeps {
  clock: Clock;
  log: Logger;
  cri: Pick<Cri, 'subscribe'>;
}

const pace = { baseMs: 100, maxMs: 10_000 };

/**
 * Looks after the runtime while the agent runs: its event stream ends when it does. `ensure` then adopts the one that
 * runs or starts another; what fails is tried again, ever slower up to ten seconds.
 */
export function keepRuntime({ clock, log, cri }: KeeperDeps, ensure: () => Promise<unknown>): { stop(): void } {
  let isStopped = false;
  let failures = 0;
  let cancel = () => {};
  let subscription = follow();

  function follow(): { stop(): void } {
    return cri.subscribe({ event: () => {}, end: () => retry() });
  }
  function retry(): void {
    if (isStopped) return;
    failures += 1;
    cancel = clock.after(backoffMs(failures, pace), () => void repair());
  }
  async function repair(): Promise<void> {
    try {
      await ensure();
      if (isStopped) return;
      log.info({}, 'the container runtime answers again');
      failures = 0;
      subscription = follow();
    } catch (error) {
      log.error({ err: error }, 'the container runtime does not start');
      retry();
    }
  }
  return {
    stop() {
      isStopped = true;
      cancel();
      subscription.stop();
    },
  };
}
