import { sameAllocated, sameResources } from '../resize/allocation.ts';
import type { Container } from '../../api/generated/types.ts';
import { amountsOf } from '../../placement/resource-amounts.ts';
import type { Draft } from './draft.ts';
import { containerOf } from './pod-spec.ts';
import type { ContainerWork, PodInput } from './state.ts';

/** A resize that failed is tried again after this time. */
const retryMs = 5000;

/** The node has decided on what the pod asks for. */
export function absorbAllocation(
  draft: Draft,
  input: Extract<PodInput, { type: 'allocated' | 'resizePending' }>,
): void {
  const { state } = draft;
  if (input.type === 'resizePending') {
    const { reason, message } = input;
    if (state.pendingResize?.reason !== reason)
      draft.event('Warning', `Resize${reason}`, `Pod resize ${reason}: ${message}`);
    state.pendingResize = { reason, message };
    return;
  }
  state.pendingResize = undefined;
  if (sameAllocated(state.allocated, input.resources)) return;
  state.allocated = input.resources;
  state.resizeRetryAtMs = 0;
  draft.event('Normal', 'ResizeStarted', 'Pod resize started');
}

export function absorbResized(draft: Draft, input: Extract<PodInput, { type: 'resized' }>): void {
  const { state, nowMs } = draft;
  state.isResizing = false;
  if (input.error !== undefined) {
    state.resizeError = input.error;
    state.resizeRetryAtMs = nowMs + retryMs;
    draft.event('Warning', 'ResizeError', `Pod resize failed: ${input.error}`);
    return;
  }
  state.resizeError = undefined;
  state.applied = input.resources;
  for (const { name, id } of input.containers) {
    const work = draft.work(name);
    if (work.current?.id === id) work.resources = input.resources[name];
  }
  if (!isResizing(draft)) draft.event('Normal', 'ResizeCompleted', 'Pod resize completed');
}

const isOther = (draft: Draft, work: ContainerWork): boolean =>
  work.current?.state === 'running' &&
  work.resources !== undefined &&
  !sameResources(work.resources, draft.state.allocated[work.name]);

/** Something still runs with what it had before. */
const isResizing = (draft: Draft): boolean =>
  !sameAllocated(draft.state.applied, draft.state.allocated) || draft.works().some((work) => isOther(draft, work));

/**
 * Brings what runs to what was promised: containers that must start again for it end first, the others change in place with the
 * pod's own control group. True while something is left to do: nothing starts meanwhile.
 */
export function planResize(draft: Draft): boolean {
  const { state } = draft;
  if (state.isResizing) return true;
  if (!isResizing(draft)) return false;
  const others = draft.works().filter((work) => isOther(draft, work));
  const toRestart = others.filter((work) => needsRestart(draft, work));
  for (const work of toRestart) if (!work.stopping && draft.isDue(work.retryAtMs)) stopForResize(draft, work);
  if (toRestart.length > 0) return true;
  if (!draft.isDue(state.resizeRetryAtMs)) return true;
  state.isResizing = true;
  const containers = others.map(({ name, current }) => ({ name, id: current?.id ?? '' }));
  draft.effects.push({ type: 'resize', containers, from: state.applied, to: state.allocated });
  return true;
}

function needsRestart(draft: Draft, work: ContainerWork): boolean {
  const container = containerOf(draft.state.pod, work.name) as Container | undefined;
  const [now, wanted] = [work.resources, draft.state.allocated[work.name]];
  const isChanged = (name: string) =>
    (['requests', 'limits'] as const).some((part) => amountsOf(now?.[part])[name] !== amountsOf(wanted?.[part])[name]);
  return (container?.resizePolicy ?? []).some(
    ({ resourceName, restartPolicy }) => restartPolicy === 'RestartContainer' && isChanged(resourceName),
  );
}

function stopForResize(draft: Draft, work: ContainerWork): void {
  const { current } = work;
  if (!current) return;
  draft.event('Normal', 'Killing', `Container ${work.name} resize requires restart`, work.name);
  work.backOff = undefined;
  const graceSeconds = draft.state.pod.spec.terminationGracePeriodSeconds ?? 30;
  work.stopping = { id: current.id, graceSeconds };
  const { id } = current;
  draft.effects.push({ type: 'stopContainer', container: work.name, id, graceSeconds, runPreStop: true });
}
