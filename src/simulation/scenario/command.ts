import type { Client } from '../../client/client.ts';
import type { World, WorldSnapshot } from '../world.ts';
import type { CommandLine } from './script.ts';

/** What a command works on. */
export interface ScenarioContext {
  readonly world: World;
  /** An administrator's. */
  readonly client: Client;
  readonly snapshots: Map<string, WorldSnapshot>;
}

export interface ScenarioCommand {
  name: string;
  /** One line for people: its words and options. */
  usage: string;
  /** Does it; answers with what it has to say beside what it changed. Errors of the API are part of the record. */
  run(context: ScenarioContext, line: CommandLine & { body: string }): Promise<readonly string[] | void>;
}
