import type { Pod } from '../../api/generated/types.ts';
import type { AnyContainer } from '../../kubelet/worker/pod-spec.ts';
import type { ContainerRole } from '../../kubelet/worker/state.ts';
import { type Behaviour, behaviourAnnotation, type BehaviourMatch } from './behaviour.ts';

/** Nothing ever goes wrong, all at once. */
const steady: Behaviour = { name: 'steady' };
/** Init containers are there to end. */
const initial: Behaviour = { name: 'initial', exit: { after: 0, code: 0 } };

/**
 * The behaviour of one container: the one its pod names, else the first that matches. Init containers end well at once
 * unless a match says otherwise. A name that is unknown throws: a test that misspells it must not pass by accident.
 */
export function chooseBehaviour(
  behaviours: readonly Behaviour[],
  pod: Pod,
  { container, role }: { container: AnyContainer; role: ContainerRole },
): Behaviour {
  const wanted = pod.metadata.annotations?.[behaviourAnnotation];
  if (wanted !== undefined && role !== 'init') {
    const named = behaviours.find(({ name }) => name === wanted);
    if (named) return named;
    throw new Error(`pod ${pod.metadata.namespace}/${pod.metadata.name} asks for behaviour ${wanted}: there is none`);
  }
  const matching = behaviours.find((behaviour) => behaviour.for && matches(behaviour.for, pod, container));
  if (role === 'init') return matching?.for?.container === undefined ? initial : matching;
  return matching ?? steady;
}

function matches(match: BehaviourMatch, { metadata }: Pod, container: AnyContainer): boolean {
  const owner = metadata.ownerReferences?.find(({ controller }) => controller)?.kind;
  return (
    isLike(match.namespace, metadata.namespace) &&
    isLike(match.pod, metadata.name) &&
    isLike(match.owner, owner) &&
    isLike(match.container, container.name) &&
    isLike(match.image, container.image) &&
    Object.entries(match.labels ?? {}).every(([key, value]) => metadata.labels?.[key] === value)
  );
}

/** A pattern with `*` for any text; an absent one matches everything. */
function isLike(pattern: string | undefined, text = ''): boolean {
  if (pattern === undefined || pattern === text) return true;
  const parts = pattern.split('*');
  if (parts.length === 1) return false;
  const [first = '', last = ''] = [parts[0], parts.at(-1)];
  if (!text.startsWith(first) || !text.slice(first.length).endsWith(last)) return false;
  let from = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, from);
    if (found < 0 || found + part.length > text.length - last.length) return false;
    from = found + part.length;
  }
  return true;
}
