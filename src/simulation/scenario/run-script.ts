import { StatusError } from '../../api/meta/status-error.ts';
import { allAuthenticated, mastersGroup } from '../../apiserver/authn/user-info.ts';
import { createClient } from '../../client/typed-client.ts';
import type { World } from '../world.ts';
import type { ScenarioContext } from './command.ts';
import { commands } from './commands.ts';
import { parseLine, type Step } from './script.ts';
import { Trace } from './trace.ts';

/** Called after each step; what it answers is added to the step's output. */
export type AfterStep = (step: Step, context: ScenarioContext) => Promise<readonly string[]>;

/** Plays the steps in a world; answers with what happened at each: what it said, then the trace, times from its start. */
export async function runScript(world: World, steps: readonly Step[], after?: AfterStep): Promise<string[][]> {
  const user = { name: 'scenario', groups: [mastersGroup, allAuthenticated] };
  const client = createClient(world.plane.switchboard.transportFor(user, 'scenario'));
  const context: ScenarioContext = { world, client, snapshots: new Map() };
  const trace = new Trace(world.clock);
  trace.follow(world.plane.api);
  trace.take(0);
  const outputs: string[][] = [];
  try {
    for (const step of steps) {
      const startMs = world.clock.now();
      const said = step.line ? await runStep(context, step) : [];
      await world.clock.advance(0);
      trace.follow(world.plane.api);
      outputs.push([...trace.take(startMs), ...said, ...((await after?.(step, context)) ?? [])]);
    }
  } finally {
    trace.stop();
  }
  return outputs;
}

async function runStep(context: ScenarioContext, step: Step): Promise<readonly string[]> {
  const line = parseLine(step.line);
  const command = commands.find(({ name }) => name === line.name);
  if (!command) throw new Error(`there is no command ${line.name}: ${commands.map(({ name }) => name).join(', ')}`);
  try {
    return (await command.run(context, { ...line, body: step.body })) ?? [];
  } catch (error) {
    if (error instanceof StatusError) return [`${error.reason}: ${error.message}`];
    throw error;
  }
}
