import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { baseRecipes } from '../../src/cluster/images/base-images.ts';
import { buildOciImage } from '../../src/cluster/images/oci-image.ts';
import { fetchText, RealCluster, runToEnd } from '../lifecycle/real-cluster.ts';
import { clusterIp, expectAllReachAll, hostPort, inPod, nodePlaces, nodePort, runOnEveryNode, webPods } from './web.ts';

/** Blobs and programs of images in a node's folder: the name and the inode of each. */
async function imageFiles(cluster: RealCluster, node: string): Promise<string[]> {
  const root = join(cluster.dir, 'nodes', node, 'containerd/root');
  const blobs = ['-path', '*/blobs/sha256/*', '-printf', 'blobs/%f %i\n'];
  const programs = ['-path', '*/fs/bin/busybox', '-printf', 'bin/busybox %i\n'];
  const { stdout } = await runToEnd(['find', root, '(', ...blobs, ')', '-o', '(', ...programs, ')']);
  return [...new Set(stdout.trim().split('\n'))].sort();
}

describe('a cluster of three nodes', () => {
  let cluster: RealCluster;
  beforeAll(async () => {
    cluster = await RealCluster.watched('n-net');
    const { nodes } = await cluster.up('--no-demo', '--nodes', '3');
    expect(nodes.map(({ name }) => name)).toEqual(['node1', 'node2', 'node3']);
    await runOnEveryNode(cluster);
  });
  afterAll(() => cluster.purge());

  /** Which nodes have the image that a test loads. */
  const listed = async () =>
    (JSON.parse(await cluster.ok('image list', '-o', 'json')) as { names: string[]; nodes: string[] }[])
      .filter(({ names }) => names.includes('example.test/loaded:1'))
      .map(({ nodes }) => nodes);

  it('runs pods on each, which reach each other and Services across nodes', async () => {
    const pods = await webPods(cluster);
    expect(pods.map(({ node }) => node)).toEqual(['node1', 'node2', 'node3']);
    expect(new Set(pods.map(({ podIp }) => podIp.replace(/\.\d+$/, ''))).size).toBe(3);
    await expectAllReachAll(cluster);
  });

  it("keeps a pod's own address on the way to a pod of another node", async () => {
    const [client, , server] = await webPods(cluster);
    if (!client || !server) return expect.fail();
    // busybox httpd tells a CGI program who asks.
    const cgi = "printf '#!/bin/sh\\necho; echo $REMOTE_ADDR\\n' >/www/cgi-bin/who; chmod +x /www/cgi-bin/who";
    await inPod(cluster, server.name, cgi);
    const seen = await inPod(cluster, client.name, `timeout 30 wget -qO- http://${server.podIp}:8080/cgi-bin/who`);
    expect(seen.trim().replace(/^\[(::ffff:)?|\]$/g, '')).toBe(client.podIp);
  });

  it('has DNS and the API server within reach on every node', async () => {
    const address = await clusterIp(cluster);
    for (const { name } of await webPods(cluster)) {
      expect(await inPod(cluster, name, 'nslookup web.default.svc.cluster.local')).toContain(`Address: ${address}`);
      // The image has no TLS; a connection refused or without answer would say something else.
      expect(await inPod(cluster, name, 'nc -w 30 kubernetes.default 443 -e true && echo open')).toBe('open\n');
    }
  });

  it('is reached from this machine: ClusterIP, a node port on every node, the host port of each node, logs', async () => {
    const pods = await webPods(cluster);
    const names = pods.map(({ name }) => name);
    expect(names).toContain(await fetchText(await clusterIp(cluster)));
    for (const { name, node, address, podIp } of pods) {
      expect(names).toContain(await fetchText(`${address}:${nodePort}`));
      expect(await fetchText(`${address}:${hostPort}`)).toBe(name);
      expect(await fetchText(`${podIp}:8080`)).toBe(name);
      expect(await cluster.kubectl('logs', name)).toBe('');
      expect((await cluster.kubectl('get', 'pod', name, '-o', 'jsonpath={.spec.nodeName}')).trim()).toBe(node);
    }
  });

  it('loads an image into every node, and removes it from every node', async () => {
    const [, busybox] = await baseRecipes({ busybox: '/bin/busybox', catatonit: '/usr/bin/catatonit' });
    const recipe = busybox ?? expect.fail();
    const dir = join(cluster.userHome, 'image');
    // Another image than the one that every node has, on the same layers.
    await buildOciImage({ ...recipe, ref: 'example.test/loaded:1', config: { Cmd: ['true'] } }, dir);
    await cluster.ok('image load', dir);
    expect(await listed()).toEqual([['node1', 'node2', 'node3']]);
    await cluster.ok('image rm', 'example.test/loaded:1');
    expect(await listed()).toEqual([]);
    await cluster.ok('image load', dir);
  });

  it('holds the files of an image once for all nodes, blobs and layers', async () => {
    const [first, ...others] = await Promise.all(['node1', 'node2', 'node3'].map((node) => imageFiles(cluster, node)));
    expect(first?.filter((line) => line.includes('bin/busybox')).length).toBeGreaterThan(0);
    expect(first?.filter((line) => line.includes('blobs/')).length).toBeGreaterThan(8);
    for (const other of others) expect(other).toEqual(first);
  });

  it('has the same nodes, at the same addresses, after a restart', async () => {
    const before = await nodePlaces(cluster);
    expect(Object.keys(before)).toEqual(['node1', 'node2', 'node3']);
    await cluster.ok('down');
    const { index, dir } = await cluster.layout();
    expect((await cluster.leftovers(index)).filter((line) => !line.startsWith(`file: ${dir}`))).toEqual([]);
    const { was, nodes } = await cluster.up();
    expect({ was, nodes: nodes.length }).toEqual({ was: 'stopped', nodes: 3 });
    expect(await nodePlaces(cluster)).toEqual(before);
    expect(await listed()).toEqual([['node1', 'node2', 'node3']]);
    await cluster.kubectl('rollout', 'status', 'daemonset', 'web', '--timeout=240s');
    await expectAllReachAll(cluster);
  });

  it('gets another node, and loses one for good', async () => {
    await cluster.ok('node add', 'extra');
    await cluster.ok('node remove', 'node1');
    expect(Object.keys(await nodePlaces(cluster))).toEqual(['extra', 'node2', 'node3']);
    expect((await cluster.run('node remove', 'node1')).stderr).toContain('no node node1');
    expect((await cluster.run('node add', 'extra')).stderr).toContain('there is a node extra already');
    await cluster.kubectl('rollout', 'status', 'daemonset', 'web', '--timeout=240s');
    // One that was made for the node while it went is collected when the node has been gone for a while.
    const nodesOfPods = async () => (await webPods(cluster)).map(({ node }) => node);
    await expect.poll(nodesOfPods, { timeout: 180_000 }).toEqual(['extra', 'node2', 'node3']);
    await expectAllReachAll(cluster);
    expect(await fetchText(await clusterIp(cluster))).toMatch(/^web-/);
    const status = await cluster.status();
    expect(status.services.map(({ name }) => name)).toEqual(['server', 'node-extra', 'node-node2', 'node-node3']);
    expect(status).toMatchObject({ healthy: true, problems: [] });
    // It got what was loaded before it was there.
    expect(await imageFiles(cluster, 'extra')).toEqual(await imageFiles(cluster, 'node2'));
    const run = ['run', 'loaded', '--image', 'example.test/loaded:1', '--restart=Never'];
    const spec = { spec: { nodeName: 'extra', containers: [{ name: 'loaded', image: 'example.test/loaded:1' }] } };
    await cluster.kubectl(...run, '--overrides', JSON.stringify(spec), '--', 'true');
    await cluster.kubectl('wait', 'pod/loaded', '--for=jsonpath={.status.phase}=Succeeded', '--timeout=120s');
    // Its address waits for it.
    await cluster.ok('node add', 'node1');
    expect((await nodePlaces(cluster))['node1']).toMatch(/\.11 /);
  });

  it('does not notice another one of three nodes, nor its end', async () => {
    const other = await RealCluster.watched('n-net2');
    try {
      await other.up('--no-demo', '--nodes', '3');
      await runOnEveryNode(other);
      await Promise.all([expectAllReachAll(cluster), expectAllReachAll(other)]);
      const { index } = await other.layout();
      await other.purge();
      expect(await other.leftovers(index)).toEqual([]);
    } finally {
      await other.purge();
    }
    await expectAllReachAll(cluster);
    const { index } = await cluster.layout();
    await cluster.ok('down', '--purge');
    expect(await cluster.leftovers(index)).toEqual([]);
  });
});
