/** How long the server of a cluster takes to be ready. */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { get } from 'node:https';
import { join } from 'node:path';
import { realClock, sleep } from '../src/base/clock.ts';
import { buildOf } from '../src/cluster/build.ts';
import type { ClusterLayout } from '../src/cluster/layout.ts';
import { type Program, serverService, serverServiceName } from '../src/cluster/services.ts';
import { stopService } from '../src/cluster/supervisor.ts';

const root = join(import.meta.dirname, '..');

async function shippedProgram(): Promise<Program> {
  const file = join(root, 'dist/knarr.js');
  return { command: [process.execPath, file], build: await buildOf(file, 'bench'), root };
}

const isReady = (port: number, ca: string): Promise<boolean> =>
  new Promise((resolve) => {
    const asked = get({ host: '127.0.0.1', port, path: '/readyz', ca, agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    });
    asked.on('error', () => resolve(false));
  });

/** From starting the server's program, as `up` does, to `/readyz` saying so, in ms. Afterwards no server runs. */
export async function timeToReady(layout: ClusterLayout): Promise<number> {
  const ca = await readFile(join(layout.pkiDir, 'ca.crt'), 'utf8');
  const { command, env } = serverService(layout, await shippedProgram());
  const [node, ...args] = command as [string, ...string[]];
  await stopService(layout, serverServiceName, realClock);
  const began = performance.now();
  const child = spawn(node, args, { stdio: 'ignore', env: { PATH: process.env.PATH, ...env } });
  const ended = new Promise((resolve) => child.on('close', resolve));
  try {
    while (!(await isReady(layout.apiPort, ca))) {
      if (child.exitCode !== null) throw new Error('the server ended');
      await sleep(realClock, 5);
    }
    return performance.now() - began;
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
}
