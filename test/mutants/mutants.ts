import { api } from './api.ts';
import { apiserver } from './apiserver.ts';
import { cluster } from './cluster.ts';
import { controllers } from './controllers.ts';
import { ingress } from './ingress.ts';
import type { Mutant } from './mutant.ts';
import { node } from './node.ts';
import { scheduler } from './scheduler.ts';
import { store } from './store.ts';

/** All planted bugs. `npm run mutants` shows that each is caught. */
export const mutants: readonly Mutant[] = [
  ...store,
  ...api,
  ...apiserver,
  ...controllers,
  ...scheduler,
  ...node,
  ...ingress,
  ...cluster,
];
