import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { TurnGate } from './turn-gate.ts';

/** Passes the gate and takes two steps, each said. */
async function pass(gate: TurnGate, name: string, said: string[]): Promise<void> {
  await gate.pass();
  said.push(`${name}1`);
  await Promise.resolve();
  said.push(`${name}2`);
}

it('lets those through together that came in one turn, and they go on step by step', async () => {
  const gate = new TurnGate();
  const said: string[] = [];
  const all = ['a', 'b', 'c'].map((name) => pass(gate, name, said));
  expect(said).toEqual([]);
  await Promise.all(all);
  expect(said).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'c2']);
});

it('lets no more than 32 through in a turn, and nobody before those that came first', async () => {
  const gate = new TurnGate();
  const said: string[] = [];
  const names = Array.from({ length: 70 }, (_, i) => `${i}-`);
  for (const name of names) void pass(gate, name, said);
  const counts: number[] = [];
  for (let i = 0; i < 3; i++) {
    await turn();
    counts.push(said.filter((text) => text.endsWith('-2')).length);
  }
  expect(counts).toEqual([32, 64, 70]);
  expect(said.filter((text) => text.endsWith('-1'))).toEqual(names.map((name) => `${name}1`));
});

it('lets who comes meanwhile through later', async () => {
  const gate = new TurnGate();
  const said: string[] = [];
  const first = pass(gate, 'a', said).then(() => pass(gate, 'c', said));
  await turn();
  await Promise.all([first, pass(gate, 'b', said)]);
  expect(said).toEqual(['a1', 'a2', 'c1', 'b1', 'c2', 'b2']);
});
