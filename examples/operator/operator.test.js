import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, afterEach, before, describe, test } from 'node:test';
import { KubeConfig } from '@kubernetes/client-node';
import { resources, startCluster } from 'knarr/testing';
import { startOperator } from './operator.js';

const websites = { group: 'example.com', version: 'v1', resource: 'websites', kind: 'Website', namespaced: true };
const website = (spec) => ({ apiVersion: 'example.com/v1', kind: 'Website', metadata: { name: 'blog' }, spec });

describe('the website operator', () => {
  let cluster;
  let stopOperator;
  before(async () => {
    cluster = await startCluster({
      nodes: 2,
      // Images called big:… take ten minutes to pull.
      behaviours: [{ name: 'big-image', for: { image: 'big:*' }, pull: { takes: '10m' } }],
    });
    await cluster.apply(readFileSync(new URL('website.yaml', import.meta.url), 'utf8'));
    const kubeconfig = new KubeConfig();
    kubeconfig.loadFromString(await cluster.kubeconfig());
    stopOperator = await startOperator(kubeconfig);
  });
  afterEach(async () => {
    await cluster.client.delete(websites, { namespace: 'default', name: 'blog' });
    // Owned objects really go: the garbage collector runs.
    await cluster.waitForGone(resources.deployments, 'blog');
    await cluster.waitForAll(resources.pods, {}, (pods) => pods.length === 0);
  });
  after(async () => {
    await stopOperator();
    await cluster.stop();
  });

  test('runs what the Website asks for', async () => {
    await cluster.apply(website({ image: 'web:1', replicas: 2 }));
    await cluster.waitFor(websites, 'blog', ({ status }) => status?.ready === 2);
    await cluster.apply(website({ image: 'web:1', replicas: 3 }));
    await cluster.waitFor(websites, 'blog', ({ status }) => status?.ready === 3);
  });

  test('is not ready before its image is there, ten minutes later', async () => {
    await cluster.apply(website({ image: 'big:1' }));
    await cluster.waitForAll(resources.pods, {}, (pods) => pods.some(({ spec }) => spec.nodeName));
    await cluster.advance('9m');
    assert.equal((await cluster.client.get(websites, { namespace: 'default', name: 'blog' })).status?.ready, 0);
    await cluster.advance('1m');
    await cluster.waitFor(websites, 'blog', ({ status }) => status?.ready === 1);
  });

  test('says so when a node is lost, and is ready again when its pods were replaced', async () => {
    await cluster.apply(website({ image: 'web:1', replicas: 2 }));
    await cluster.waitFor(websites, 'blog', ({ status }) => status?.ready === 2);
    const [pod] = (await cluster.client.list(resources.pods)).items;
    cluster.nodes.crash(pod.spec.nodeName);
    await cluster.advance('1m');
    await cluster.waitFor(websites, 'blog', ({ status }) => status?.ready < 2);
    await cluster.advance('6m');
    await cluster.waitFor(websites, 'blog', ({ status }) => status?.ready === 2);
    await cluster.nodes.start(pod.spec.nodeName);
  });
});
