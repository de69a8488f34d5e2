import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import type { TestServer } from '../simulation/test-server/start.ts';
import { documented, type OutputFormat, withOutput } from './options.ts';
import { CommandFailure, type Surroundings } from './surroundings.ts';

interface Flags {
  nodes: string;
  seed: string;
  untilStdinCloses?: boolean;
  output: OutputFormat;
}

/** `knarr test-server`: a cluster without containers for the tests of programs in any language. */
export function testServerCommand(at: Surroundings, finish: (code: number) => void): Command {
  const command = new Command('test-server')
    .description('run a hollow cluster (no containers, no root) for tests; with a command, only while that runs')
    .argument('[command...]', 'gets KUBECONFIG and KNARR_CONTROL in its environment; its exit code is the result')
    .option('--nodes <count>', 'hollow nodes', '1')
    .option('--seed <number>', 'of all chance in the cluster', '1')
    .option('--until-stdin-closes', 'end when whoever started it has gone')
    .passThroughOptions()
    .action(async (words: string[], flags: Flags) => {
      // Loaded only here: other commands start faster without it.
      const { startTestServer } = await import('../simulation/test-server/start.ts');
      const options = { nodes: wholeNumber(flags.nodes, 'nodes'), seed: wholeNumber(flags.seed, 'seed') };
      const server = await startTestServer(at, options);
      const dir = await mkdtemp(join(tmpdir(), 'knarr-test-'));
      try {
        const access = await writeAccess(server, dir);
        finish(await (words.length > 0 ? runWith(at, words, access) : serve(at, access, flags)));
      } finally {
        await stop(server, dir);
      }
    });
  return documented(withOutput(command), {
    examples: ['./knarr test-server --nodes 3', './knarr test-server -- pytest', './knarr test-server -o json'],
  });
}

async function stop(server: TestServer, dir: string): Promise<void> {
  await server.stop();
  await rm(dir, { recursive: true, force: true });
}

/** Where everything is; names as in `--output json`. */
interface AccessFiles {
  kubeconfig: string;
  control: string;
  server: string;
  caFile: string;
  certFile: string;
  keyFile: string;
}

async function writeAccess(server: TestServer, dir: string): Promise<AccessFiles> {
  const write = async (name: string, text: string): Promise<string> => {
    const path = join(dir, name);
    await writeFile(path, text, { mode: 0o600 });
    return path;
  };
  return {
    kubeconfig: await write('kubeconfig', server.kubeconfig),
    control: server.controlUrl,
    server: server.server,
    caFile: await write('ca.crt', server.ca),
    certFile: await write('client.crt', server.cert),
    keyFile: await write('client.key', server.key),
  };
}

const environment = ({ kubeconfig, control }: AccessFiles) => ({ KUBECONFIG: kubeconfig, KNARR_CONTROL: control });

/** Says where it is, and stays until it is told to go. */
function serve(at: Surroundings, access: AccessFiles, flags: Flags): Promise<number> {
  if (flags.output === 'json') at.stdout.write(`${JSON.stringify(access)}\n`);
  else for (const [name, value] of Object.entries(environment(access))) at.stdout.write(`export ${name}=${value}\n`);
  return new Promise((resolve) => {
    at.onStopSignal(() => resolve(0));
    if (!flags.untilStdinCloses) return;
    process.stdin.resume().once('end', () => resolve(0));
  });
}

function runWith(at: Surroundings, [program = '', ...args]: string[], access: AccessFiles): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'inherit', env: { ...process.env, ...environment(access) } });
    at.onStopSignal(() => child.kill('SIGTERM'));
    child.on('error', (cause) => reject(new CommandFailure(`${program} does not start: ${cause.message}`, { cause })));
    child.on('close', (code) => resolve(code ?? 1));
  });
}

function wholeNumber(text: string, name: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new CommandFailure(`--${name} is a whole number, not "${text}"`, { reason: 'usage' });
}
