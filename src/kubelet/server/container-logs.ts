import { once } from 'node:events';
import { open } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { badRequest, StatusError } from '../../api/meta/status-error.ts';
import type { Clock } from '../../base/clock.ts';
import { parseLogOptions } from '../logs/log-options.ts';
import { readLog } from '../logs/log-reader.ts';
import type { PodPaths } from '../pod-paths.ts';
import { containerOf } from '../worker/pod-spec.ts';
import type { PodState, RuntimeContainer } from '../worker/state.ts';
import type { ServedPods } from './server.ts';

export interface LogRequest {
  namespace: string;
  pod: string;
  container: string;
  query: URLSearchParams;
}

export interface LogServingDeps {
  clock: Clock;
  paths: PodPaths;
  pods: ServedPods;
}

/** Streams a container's log as plain text. Rejects with `StatusError` before the first byte. */
export async function serveLogs(request: LogRequest, response: ServerResponse, deps: LogServingDeps): Promise<void> {
  const { namespace, pod, container, query } = request;
  const state = deps.pods.find(namespace, pod);
  if (!state) throw StatusError.of('NotFound', `pod "${pod}" does not exist`);
  if (!containerOf(state.pod, container))
    throw StatusError.of('NotFound', `container "${container}" not found in pod "${pod}"`);
  const options = parseLogOptions(query, deps.clock.now());
  const wanted = chosen(state, container, options.previous);
  const path = deps.paths.logFile(state.pod, container, wanted.attempt);
  // A container that has just started may not have its file yet, and one without output may never get one.
  const isThere = await open(path, options.follow && wanted.state === 'running' ? 'a+' : 'r').then(
    (file) => file.close().then(() => true),
    () => false,
  );
  response.writeHead(200, { 'content-type': 'text/plain' });
  if (!isThere) {
    response.end();
    return;
  }
  response.flushHeaders();
  const abort = new AbortController();
  response.on('close', () => abort.abort());
  const { ended, release } = endOf(wanted, deps.pods);
  try {
    for await (const piece of readLog({ path, signal: abort.signal, ended }, options)) {
      // A slow reader is waited for, a gone one ends the loop.
      if (!response.write(piece)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
    }
  } finally {
    release();
    response.end();
  }
}

/** Which of a container's lives is meant. */
function chosen(state: PodState, name: string, previous: boolean): RuntimeContainer {
  const { current, previous: before, waiting } = state.containers[name] ?? {};
  const { name: podName } = state.pod.metadata;
  if (previous) {
    // A container that waits for its restart has its last life in `current`.
    const dead = current?.state === 'exited' && waiting ? current : before;
    if (!dead) throw badRequest(`previous terminated container "${name}" in pod "${podName}" not found`);
    return dead;
  }
  if (current && current.state !== 'created') return current;
  if (before) return before;
  const reason = waiting?.reason ?? 'ContainerCreating';
  if (reason === 'ErrImagePull' || reason === 'ImagePullBackOff') {
    const tail = reason === 'ErrImagePull' ? "image can't be pulled" : 'trying and failing to pull image';
    throw badRequest(`container "${name}" in pod "${podName}" is waiting to start: ${tail}`);
  }
  throw badRequest(`container "${name}" in pod "${podName}" is waiting to start: ${reason}`);
}

function endOf(container: RuntimeContainer, pods: ServedPods): { ended: Promise<void>; release(): void } {
  if (container.state === 'exited') return { ended: Promise.resolve(), release: () => {} };
  let release = () => {};
  const ended = new Promise<void>((resolve) => {
    release = pods.onEnd(container.id, resolve);
  });
  return { ended, release: () => release() };
}
