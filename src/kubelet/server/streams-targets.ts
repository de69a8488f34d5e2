import { badRequest, StatusError } from '../../api/meta/status-error.ts';
import { containerOf } from '../worker/pod-spec.ts';
import type { ServedPods } from './server.ts';

/** Where a stream leads, in the container runtime's ids. Both throw `StatusError`. */
export interface StreamTargets {
  /** `tty`: the container itself was made with a terminal, which an attach has to follow. */
  container(namespace: string, pod: string, container: string): { id: string; tty: boolean };
  sandbox(namespace: string, pod: string): { id: string };
}

/** Looks them up in the state that the pod workers have now. */
export function podTargets(pods: Pick<ServedPods, 'find'>): StreamTargets {
  const find = (namespace: string, name: string) => {
    const state = pods.find(namespace, name);
    if (!state) throw StatusError.of('NotFound', 'pod does not exist');
    return state;
  };
  return {
    container(namespace, podName, name) {
      const { pod, containers } = find(namespace, podName);
      const spec = containerOf(pod, name);
      const current = containers[name]?.current;
      if (!spec || !current) throw StatusError.of('NotFound', `container not found ("${name}")`);
      if (current.state !== 'running') throw badRequest(`container "${name}" is not running (${current.state})`);
      return { id: current.id, tty: spec.tty ?? false };
    },
    sandbox(namespace, podName) {
      const { sandbox } = find(namespace, podName);
      if (!sandbox?.isReady) throw badRequest(`pod "${podName}" is not running`);
      return { id: sandbox.id };
    },
  };
}
