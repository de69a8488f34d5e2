import type { RuntimeService } from '../api/generated/cri.ts';
import type { Container, LifecycleHandler } from '../api/generated/types.ts';
import { type Clock, sleep } from '../base/clock.ts';
import type { AnyContainer } from './worker/pod-spec.ts';
import { httpGet } from './probes/http-probe.ts';
import { portNumber } from './probes/port-number.ts';
import { connectTcp } from './probes/tcp-probe.ts';

export interface HandlerTarget {
  container: AnyContainer;
  containerId: string;
  podIp: string;
}

export interface HandlerDeps {
  runtime: RuntimeService;
  clock: Clock;
}

/** Runs a postStart or preStop handler. Rejects with what went wrong in words; `timeoutMs` bounds it. */
export async function runHandler(
  handler: LifecycleHandler,
  target: HandlerTarget & { timeoutMs: number },
  { runtime, clock }: HandlerDeps,
): Promise<void> {
  const { container, containerId, podIp, timeoutMs } = target;
  if (handler.exec) {
    const timeout = Math.max(Math.ceil(timeoutMs / 1000), 1);
    const result = await runtime.ExecSync({ containerId, cmd: handler.exec.command ?? [], timeout });
    if (result.exitCode) {
      const output = Buffer.from(result.stderr?.length ? result.stderr : (result.stdout ?? [])).toString();
      throw new Error(
        `command '${(handler.exec.command ?? []).join(' ')}' exited with ${result.exitCode}: ${output.slice(0, 1024)}`,
      );
    }
  } else if (handler.httpGet) {
    const port = portNumber(handler.httpGet.port, container as Container);
    const answer = await httpGet({ action: handler.httpGet, port, host: podIp, timeoutMs }, clock);
    if (answer.status >= 400) throw new Error(`HTTP probe failed with statuscode: ${answer.status}`);
  } else if (handler.sleep) {
    await sleep(clock, Math.min(handler.sleep.seconds * 1000, timeoutMs));
  } else if (handler.tcpSocket) {
    const host = handler.tcpSocket.host || podIp;
    await connectTcp({ host, port: portNumber(handler.tcpSocket.port, container as Container), timeoutMs }, clock);
  }
}
