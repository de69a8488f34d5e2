import type { Component } from '../../component.ts';
import type { ScenarioCommand } from '../command.ts';

const parts: readonly string[] = ['apiserver', 'controllers', 'scheduler'] satisfies Component[];

export const restart: ScenarioCommand = {
  name: 'restart',
  usage: 'restart apiserver|controllers|scheduler',
  async run({ world }, { words: [part = ''] }) {
    if (!parts.includes(part)) throw new Error(restart.usage);
    await world.restart(part as Component);
  },
};
