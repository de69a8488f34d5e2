import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { type Kubectl, kubectlIn } from './kubectl.ts';

/** What is on the disk of a cluster that runs while its `encryption.yaml` is written. Only pod templates: others use the cluster, too. */
let kubectl: Kubectl;
const clusterDir = () => dirname(inject('kubeconfig'));
const inState = async (text: string) => (await readFile(join(clusterDir(), 'state/data.mdb'))).includes(text);

beforeAll(async () => {
  kubectl = await kubectlIn('encryption');
});
afterAll(() => kubectl.ok(['delete', 'namespace', 'encryption', '--wait=false']));

const template = (name: string, word: string) =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'PodTemplate',
    metadata: { name, annotations: { word } },
    template: { spec: { containers: [{ name: 'c', image: 'i' }] } },
  });
const isReadAgain = async () =>
  /encryption_config_controller_automatic_reloads_total\{status="success"\} 1\b/.test(
    await kubectl.ok(['get', '--raw', '/metrics']),
  );

it('is sealed as soon as a file says so that was not there when the cluster was made', async () => {
  const words = [randomBytes(12).toString('hex'), randomBytes(12).toString('hex')] as const;
  await kubectl.ok(['create', '-f', '-'], { input: template('plain', words[0]) });
  expect(await inState(words[0])).toBe(true);
  const keys = [{ name: 'e2e', secret: randomBytes(32).toString('base64') }];
  const rule = { resources: ['podtemplates'], providers: [{ aesgcm: { keys } }, { identity: {} }] };
  const config = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'EncryptionConfiguration', resources: [rule] };
  await writeFile(join(clusterDir(), 'config/encryption.yaml'), JSON.stringify(config), { mode: 0o600 });
  await expect.poll(isReadAgain, { timeout: 60_000 }).toBe(true);
  await kubectl.ok(['create', '-f', '-'], { input: template('sealed', words[1]) });
  expect([await inState('k8s:enc:aesgcm:v1:e2e:'), await inState(words[1])]).toEqual([true, false]);
  const seen = await kubectl.object<{ items: { metadata: { annotations: object } }[] }>('podtemplates');
  expect(seen.items.map(({ metadata }) => metadata.annotations)).toEqual(words.map((word) => ({ word })));
});
