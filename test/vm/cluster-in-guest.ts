import { expect } from 'vitest';
import type { Guest } from './guest.ts';

/** A script in the folder of the checkout. */
export const inCheckout = (script: string): string => `cd /opt/knarr && ${script}`;

/** `./knarr COMMAND`, told line by line; what the services have logged comes with a failure. */
export async function knarr(guest: Guest, command: string): Promise<string> {
  const result = await guest.run(inCheckout(`./knarr ${command}`), { timeoutMs: 1_800_000, onLine: console.log });
  if (result.exitCode === 0) return result.output;
  const { output } = await guest.run(`tail -n 40 /var/lib/knarr/*/log/*.log; journalctl --no-pager -n 40 -u 'knarr*'`);
  throw new Error(`./knarr ${command}: exit code ${result.exitCode}\n${result.output}\n${output}`);
}

/** The image that every node has. */
const image = 'knarr.local/busybox:1';

export interface PodRequest {
  name: string;
  command: string;
  /** The scheduler decides unless told. */
  node?: string;
  resources?: object;
  /** What kubectl waits for; that it is ready. */
  until?: string;
}

/** Makes a pod that is not started again and waits for it. */
export async function runPod(guest: Guest, { name, command, node, resources, until }: PodRequest): Promise<void> {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      nodeName: node,
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 1,
      containers: [{ name: 'main', image, command: ['sh', '-c', command], resources }],
    },
  };
  await guest.output(inCheckout(`./knarr kubectl apply -f - <<'END'\n${JSON.stringify(pod)}\nEND`));
  await guest.output(inCheckout(`./knarr kubectl wait pod/${name} --for=${until ?? 'condition=Ready'} --timeout=600s`));
}

export interface PodJson {
  metadata: { uid: string; name: string };
  status: {
    phase: string;
    podIP: string;
    containerStatuses: { containerID: string; restartCount: number; state: { terminated?: object } }[];
  };
}

export const podJson = (guest: Guest, name: string): Promise<PodJson> => clusterJson(guest, `get pod ${name}`);

/** What kubectl says, as JSON. */
export async function clusterJson<T>(guest: Guest, args: string): Promise<T> {
  return JSON.parse(await guest.output(inCheckout(`./knarr kubectl ${args} -o json`))) as T;
}

interface TestReport {
  testResults: { assertionResults: { fullName: string; status: string; failureMessages: string[] }[] }[];
}

/** Runs a test file of this checkout in the guest: all of the named suite must be there and pass. */
export async function expectContract(guest: Guest, file: string, suite: string): Promise<void> {
  const args = `run --config test/vitest.config.ts --project machine ${file} --reporter=json`;
  const { output } = await guest.run(inCheckout(`node node_modules/vitest/vitest.mjs ${args}`));
  const json = output.split('\n').findLast((line) => line.startsWith('{'));
  if (!json) throw new Error(`no report of ${file}: ${output}`);
  const results = (JSON.parse(json) as TestReport).testResults.flatMap((result) => result.assertionResults);
  const failures = results.filter(({ status }) => status !== 'passed');
  expect(failures.map(({ fullName, failureMessages }) => [fullName, ...failureMessages].join('\n'))).toEqual([]);
  expect(results.filter(({ fullName }) => fullName.startsWith(suite)).length).toBeGreaterThan(5);
}
