import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { RuntimeService } from '../../api/generated/cri.ts';
import { StatusError } from '../../api/meta/status-error.ts';
import type { Clock } from '../../base/clock.ts';
import { RpcError } from '../../rpc/rpc-error.ts';
import type { PodPaths } from '../pod-paths.ts';
import { timeText } from '../status/time-text.ts';
import { containerOf } from '../worker/pod-spec.ts';
import type { ServedPods } from './server.ts';

export interface CheckpointRequest {
  namespace: string;
  pod: string;
  container: string;
  query: URLSearchParams;
}

export interface CheckpointDeps {
  clock: Clock;
  paths: PodPaths;
  pods: Pick<ServedPods, 'find'>;
  runtime: Pick<RuntimeService, 'CheckpointContainer'>;
}

/** What the runtime gets at the least, in seconds: its usual time for a call. */
const leastSeconds = 120;

/**
 * Has the runtime write what a running container is, its memory and its files, to an archive of the node; the container runs
 * on (KEP-2008). Answers the archive's path in upstream's form; rejects with `StatusError` in upstream's words.
 */
export async function checkpointContainer(request: CheckpointRequest, deps: CheckpointDeps): Promise<string> {
  const { namespace, pod, container, query } = request;
  const state = deps.pods.find(namespace, pod);
  if (!state) throw StatusError.of('NotFound', 'pod does not exist');
  if (!containerOf(state.pod, container)) throw StatusError.of('NotFound', `container ${container} does not exist`);
  const timeout = timeoutOf(query);
  const current = state.containers[container]?.current;
  const id = current?.state === 'running' ? current.id : undefined;
  const name = `checkpoint-${pod}_${namespace}-${container}-${timeText(deps.clock.now())}.tar`;
  const location = join(deps.paths.checkpointsDir, name);
  try {
    await checkpoint({ id, name: container, location, timeout }, deps);
  } catch (error) {
    const message = `checkpointing of ${namespace}/${pod}/${container} failed (${textOf(error)})`;
    throw StatusError.of('InternalError', message);
  }
  return JSON.stringify({ items: [location] });
}

async function checkpoint(
  { id, name, location, timeout }: { id: string | undefined; name: string; location: string; timeout: number },
  { paths, runtime }: CheckpointDeps,
): Promise<void> {
  if (!id) throw new Error(`container ${name} not found`);
  if (timeout < 0) throw new Error('CheckpointContainer requires the timeout value to be > 0');
  // All that the container has in its memory: for nobody but the node's administrator.
  await mkdir(paths.checkpointsDir, { recursive: true, mode: 0o700 });
  await runtime.CheckpointContainer({ containerId: id, location, timeout: Math.max(timeout, leastSeconds) });
}

/** In seconds; the last one when there are several, 0 when there is none. */
function timeoutOf(query: URLSearchParams): number {
  const text = query.getAll('timeout').at(-1) ?? '0';
  const seconds = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(seconds)) return seconds;
  throw StatusError.of('NotFound', 'cannot parse value of timeout parameter');
}

function textOf(error: unknown): string {
  if (error instanceof RpcError) return `rpc error: code = ${error.code} desc = ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}
