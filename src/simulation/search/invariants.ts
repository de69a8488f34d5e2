import type { Invariant } from './invariant.ts';
import { availability } from './invariants/availability.ts';
import { deletions } from './invariants/deletions.ts';
import { endpoints } from './invariants/endpoints.ts';
import { jobIndexes } from './invariants/job-indexes.ts';
import { jobs } from './invariants/jobs.ts';
import { nodeRoom } from './invariants/node-room.ts';
import { owners } from './invariants/owners.ts';
import { peace } from './invariants/peace.ts';
import { placement } from './invariants/placement.ts';
import { podAddresses } from './invariants/pod-addresses.ts';
import { podHistory } from './invariants/pod-history.ts';
import { quotas } from './invariants/quotas.ts';
import { readiness } from './invariants/readiness.ts';
import { replicas } from './invariants/replicas.ts';
import { rollouts } from './invariants/rollouts.ts';

/** What is checked. A new one is one file, one line here, and a planted bug in `planted-bugs.fake.ts` that it catches. */
export const invariants: readonly Invariant[] = [
  nodeRoom,
  podAddresses,
  podHistory,
  replicas,
  owners,
  deletions,
  endpoints,
  jobs,
  placement,
  readiness,
  rollouts,
  availability,
  jobIndexes,
  quotas,
  peace,
];
