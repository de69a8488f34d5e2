import type { ScenarioCommand } from './command.ts';
import { advance } from './commands/advance.ts';
import { apply } from './commands/apply.ts';
import { deleteObject } from './commands/delete.ts';
import { deploy } from './commands/deploy.ts';
import { events } from './commands/events.ts';
import { fault } from './commands/fault.ts';
import { image } from './commands/image.ts';
import { job } from './commands/job.ts';
import { node } from './commands/node.ts';
import { nodes } from './commands/nodes.ts';
import { quota } from './commands/quota.ts';
import { reset } from './commands/reset.ts';
import { restart } from './commands/restart.ts';
import { scale } from './commands/scale.ts';
import { service } from './commands/service.ts';
import { settleCommand } from './commands/settle.ts';
import { show } from './commands/show.ts';
import { snapshot } from './commands/snapshot.ts';

/** What a scenario can say. A new command is one file and one line here. */
export const commands: readonly ScenarioCommand[] = [
  nodes,
  node,
  apply,
  deploy,
  image,
  job,
  service,
  quota,
  scale,
  deleteObject,
  settleCommand,
  advance,
  restart,
  fault,
  snapshot,
  reset,
  show,
  events,
];
