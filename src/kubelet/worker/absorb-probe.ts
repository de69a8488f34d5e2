import type { Container } from '../../api/generated/types.ts';
import type { Draft } from './draft.ts';
import { containerOf } from './pod-spec.ts';
import type { PodInput } from './state.ts';

const words = { startup: 'Startup', liveness: 'Liveness', readiness: 'Readiness' };

/** A probe has crossed its threshold. Failing startup and liveness probes end the container; readiness only counts. */
export function absorbProbe(draft: Draft, input: Extract<PodInput, { type: 'probe' }>): void {
  const work = draft.work(input.container);
  if (work.current?.id !== input.id || work.current.state !== 'running') return;
  if (input.probe === 'readiness') {
    work.readinessPassed = input.isSuccess;
    return;
  }
  if (input.isSuccess) {
    if (input.probe === 'startup') work.startupPassed = true;
    return;
  }
  if (draft.state.stage !== 'syncing' || work.stopping) return;
  const container = containerOf(draft.state.pod, work.name) as Container;
  const probe = input.probe === 'startup' ? container.startupProbe : container.livenessProbe;
  const ofSpec = draft.state.pod.spec.terminationGracePeriodSeconds ?? 30;
  const graceSeconds = Math.max(probe?.terminationGracePeriodSeconds ?? ofSpec, 1);
  const message = `Container ${work.name} failed ${input.probe} probe, will be restarted`;
  draft.event('Normal', 'Killing', message, work.name);
  work.stopping = { id: input.id, graceSeconds };
  draft.effects.push({ type: 'stopContainer', container: work.name, id: input.id, graceSeconds, runPreStop: true });
}

/** The event's text of a failed attempt, as Kubernetes writes it. */
export const unhealthyText = (probe: keyof typeof words, output: string): string =>
  `${words[probe]} probe failed: ${output}`;
