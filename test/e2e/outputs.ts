import { expect } from 'vitest';
import type { Pod } from '../../src/api/generated/types.ts';
import type { Kubectl } from './kubectl.ts';
import { busybox, listOf, pod } from './manifests.ts';

/** A pod that runs one script to its end; what the script says is what the pod shows. */
export interface Said {
  name: string;
  /** For `sh -c`. */
  script?: string;
  container?: object;
  spec?: object;
  metadata?: object;
}

const label = 'says';

/** Ends the last line, so that what the next pod says is not on it. */
const ended = (script: string): string => `${script}\ncode=$?; echo; exit $code`;

const manifest = ({ name, script, container = {}, spec = {}, metadata = {} }: Said) =>
  pod(
    name,
    {
      restartPolicy: 'Never',
      containers: [
        {
          name: 'c',
          image: busybox,
          ...(script === undefined ? {} : { command: ['sh', '-c', ended(script)] }),
          ...container,
        },
      ],
      ...spec,
    },
    { ...metadata, labels: { [label]: 'something' } },
  );

/** Runs all of them at once. What each has said, by its name, once all have ended; of one that failed, its status. */
export async function outputsOf(kubectl: Kubectl, all: readonly Said[]): Promise<ReadonlyMap<string, string>> {
  await kubectl.ok(['apply', '-f', '-'], { input: listOf(all.map(manifest)) });
  const ended = ['wait', '--for=jsonpath={.status.phase}=Succeeded', 'pod', '-l', label, '--timeout=150s'];
  await kubectl(ended, { timeoutMs: 160_000 });
  const { items } = await kubectl.object<{ items: Pod[] }>('pods', '-l', label);
  const logs = await kubectl.ok(['logs', '-l', label, '--prefix', '--tail=-1', '--max-log-requests=200']);
  const said = new Map<string, string>();
  for (const { metadata, status } of items) {
    said.set(metadata.name, status.phase === 'Succeeded' ? '' : JSON.stringify(status));
  }
  for (const [, name = '', text = ''] of logs.matchAll(/^\[pod\/([^/]+)\/[^\]]+\] (.*)$/gm)) {
    said.set(name, `${said.get(name)}${text}\n`);
  }
  return said;
}

/** The same name for a case as pod and as key: words become a DNS name. */
export const podName = (...words: string[]): string =>
  words
    .join('-')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');

/** What the pod has said, line for line. */
export const expectLines = (said: ReadonlyMap<string, string>, name: string, lines: readonly string[]): void =>
  expect(said.get(name)?.trimEnd().split('\n')).toEqual(lines);
