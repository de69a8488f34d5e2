import type { RuntimeService } from '../../api/generated/cri.ts';
import type { Container, Probe } from '../../api/generated/types.ts';
import type { Clock } from '../../base/clock.ts';
import { hasRpcCode } from '../../rpc/rpc-error.ts';
import { checkGrpcHealth } from './grpc-probe.ts';
import { httpGet } from './http-probe.ts';
import { portNumber } from './port-number.ts';
import { connectTcp } from './tcp-probe.ts';

export interface ProbeTarget {
  container: Container;
  containerId: string;
  podIp: string;
}

export interface AttemptResult {
  isSuccess: boolean;
  /** For the event of a failure. */
  output: string;
}

const maxOutput = 10 * 1024;

/** Tries a probe once. Never rejects: what goes wrong is the result. */
export async function attemptProbe(
  probe: Probe,
  target: ProbeTarget,
  deps: { runtime: RuntimeService; clock: Clock },
): Promise<AttemptResult> {
  try {
    return await attempt(probe, target, deps);
  } catch (error) {
    return { isSuccess: false, output: error instanceof Error ? error.message : String(error) };
  }
}

async function attempt(
  probe: Probe,
  target: ProbeTarget,
  deps: { runtime: RuntimeService; clock: Clock },
): Promise<AttemptResult> {
  const { clock, runtime } = deps;
  const timeoutMs = (probe.timeoutSeconds || 1) * 1000;
  const { container, containerId, podIp } = target;
  if (probe.exec) return exec(runtime, { containerId, cmd: probe.exec.command ?? [], timeoutMs });
  if (probe.httpGet) {
    const port = portNumber(probe.httpGet.port, container);
    const { status, body } = await httpGet({ action: probe.httpGet, port, host: podIp, timeoutMs }, clock);
    if (status >= 200 && status < 400) return { isSuccess: true, output: body };
    return { isSuccess: false, output: `HTTP probe failed with statuscode: ${status}` };
  }
  if (probe.tcpSocket) {
    const port = portNumber(probe.tcpSocket.port, container);
    await connectTcp({ host: probe.tcpSocket.host || podIp, port, timeoutMs }, clock);
    return { isSuccess: true, output: '' };
  }
  if (probe.grpc) {
    const { port, service } = probe.grpc;
    return checkGrpcHealth({ host: podIp, port, service: service ?? undefined, timeoutMs }, clock);
  }
  return { isSuccess: false, output: `missing probe handler for ${container.name}` };
}

async function exec(
  runtime: RuntimeService,
  input: { containerId: string; cmd: string[]; timeoutMs: number },
): Promise<AttemptResult> {
  const { containerId, cmd, timeoutMs } = input;
  try {
    const { exitCode = 0, stdout, stderr } = await runtime.ExecSync({ containerId, cmd, timeout: timeoutMs / 1000 });
    const output = Buffer.concat([Buffer.from(stdout ?? []), Buffer.from(stderr ?? [])])
      .toString()
      .slice(0, maxOutput);
    return { isSuccess: exitCode === 0, output };
  } catch (error) {
    if (!hasRpcCode(error, 'DeadlineExceeded')) throw error;
    return { isSuccess: false, output: `command timed out: "${cmd.join(' ')}" timed out after ${timeoutMs / 1000}s` };
  }
}
