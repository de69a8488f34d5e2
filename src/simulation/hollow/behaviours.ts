import type { Behaviour } from './behaviour.ts';
import { completes } from './behaviours/completes.ts';
import { crashLoop } from './behaviours/crash-loop.ts';
import { crashOnce } from './behaviours/crash-once.ts';
import { flapping } from './behaviours/flapping.ts';
import { imagePullFailure } from './behaviours/image-pull-failure.ts';
import { oom } from './behaviours/oom.ts';
import { slowReady } from './behaviours/slow-ready.ts';
import { slowStart } from './behaviours/slow-start.ts';
import { stubborn } from './behaviours/stubborn.ts';

/** What every hollow cluster knows. A new one is one file and one line here; `for` makes it the rule for some pods. */
export const builtInBehaviours: readonly Behaviour[] = [
  completes,
  crashLoop,
  crashOnce,
  flapping,
  imagePullFailure,
  oom,
  slowReady,
  slowStart,
  stubborn,
];
