import type { Duration } from '../../base/duration.ts';

/** A length of time, or a range in which chance picks one. */
export type Span = Duration | { from: Duration; to: Duration };

/** Which containers behave so. All that is given must hold. */
export interface BehaviourMatch {
  namespace?: string;
  /** The pod's name; `*` stands for any text. */
  pod?: string;
  labels?: Record<string, string>;
  /** The kind of the pod's controller: Job, ReplicaSet, … */
  owner?: string;
  /** The container's name; `*` stands for any text. */
  container?: string;
  /** The container's image; `*` stands for any text. */
  image?: string;
}

/**
 * What the containers of hollow pods do: plain data, so that it may stand in a file. Everything is optional; what is not
 * given goes well and at once. What is true of all containers (restart policy, back-off, probes' thresholds, grace periods)
 * is the kubelet's matter, not the behaviour's.
 */
export interface Behaviour {
  /** Pods ask for it by the annotation `knarr.dev/behaviour: NAME`, whatever `for` says. */
  name: string;
  /** Absent: only pods that ask for it by name. */
  for?: BehaviourMatch;
  pull?: {
    takes?: Span;
    /** How many pulls fail before one succeeds. */
    fails?: number | 'always';
    message?: string;
  };
  start?: {
    /** From the image being there to the container running. */
    takes?: Span;
    /** How many starts fail before one succeeds (RunContainerError). */
    fails?: number | 'always';
    message?: string;
  };
  /** From running to the startup probe passing. */
  startup?: Span;
  /** From started to ready, with or without a readiness probe in the spec; false: never. */
  ready?: Span | false;
  /** Once ready, it loses and regains readiness for ever. */
  flap?: { up: Span; down: Span };
  /** It ends by itself. */
  exit?: {
    after: Span;
    /** 0 unless told; with `oom` 137. */
    code?: number;
    /** The kernel killed it for its memory. */
    oom?: boolean;
    /** Only the first so many runs end like this; later ones go on. */
    times?: number;
    message?: string;
  };
  /** The liveness probe, if the spec has one, fails after this time. */
  unhealthy?: { after: Span; times?: number };
  /** How it takes a SIGTERM: at once and with 0 unless told. Past the grace period it is killed (137). */
  stop?: { takes?: Span; code?: number };
}

export const behaviourAnnotation = 'knarr.dev/behaviour';
