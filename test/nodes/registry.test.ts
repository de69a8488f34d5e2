import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Pod } from '../../src/api/generated/types.ts';
import { baseRecipes, busyboxImage, demoImage } from '../../src/cluster/images/base-images.ts';
import { findImages } from '../../src/cluster/images/image-layout.ts';
import { blobPath, buildOciImage } from '../../src/cluster/images/oci-image.ts';
import { containerdPaths } from '../../src/cri/containerd-config.ts';
import { outputOf, runCommand } from '../../src/host/command.ts';
import { RealCluster } from '../lifecycle/real-cluster.ts';

/** Pushes an image as any client does (OCI distribution specification, "Push"). */
async function push(dir: string, registry: string, name: string, tag: string): Promise<void> {
  const send = async (url: string, wanted: number, request: RequestInit) => {
    const answer = await fetch(url, request);
    expect(answer.status, `${request.method} ${url}: ${await answer.text()}`).toBe(wanted);
    return answer.headers.get('location') ?? '';
  };
  const [image] = await findImages(dir);
  const { blobs = [], target } = image ?? {};
  for (const { digest } of blobs) {
    const body = await readFile(blobPath(dir, digest));
    if (digest === target?.digest) {
      const headers = { 'content-type': target.mediaType };
      await send(`${registry}/v2/${name}/manifests/${tag}`, 201, { method: 'PUT', headers, body });
      continue;
    }
    const upload = new URL(await send(`${registry}/v2/${name}/blobs/uploads/`, 202, { method: 'POST' }), registry);
    upload.searchParams.set('digest', digest);
    const headers = { 'content-type': 'application/octet-stream' };
    await send(upload.href, 201, { method: 'PUT', headers, body });
  }
}

describe('a registry of the cluster', () => {
  let cluster: RealCluster;
  beforeAll(async () => {
    cluster = await RealCluster.watched('n-reg');
    await cluster.up('--no-demo', '--nodes', '2', '--registry');
  });
  afterAll(() => cluster.purge());

  const team = async (name: string) => `localhost:${5001 + (await cluster.layout()).index}/team/${name}`;

  /** Builds one of the base images under another name, and pushes it; answers its digest. */
  const pushed = async (name: string, of: string, config: object) => {
    const recipes = await baseRecipes({ busybox: '/bin/busybox', catatonit: '/usr/bin/catatonit' });
    const recipe = recipes.find(({ ref }) => ref === of) ?? expect.fail();
    const dir = join(cluster.userHome, name);
    const { digest } = await buildOciImage({ ...recipe, config }, dir);
    const [registry = '', ...path] = (await team(name)).split('/');
    await push(dir, `http://${registry}`, path.join('/'), '1');
    return digest;
  };

  const runPod = (name: string, spec: object) =>
    cluster.kubectl('run', name, '--image', busyboxImage, '--restart=Never', '--overrides', JSON.stringify({ spec }));

  const runs = async (node: string, image: string) => {
    const container = { name: 'c', image, imagePullPolicy: 'Always', command: ['sh', '-c', 'cat /etc/passwd'] };
    const name = `from-${node}`;
    await runPod(name, { nodeName: node, restartPolicy: 'Never', containers: [container] });
    await cluster.kubectl('wait', `pod/${name}`, '--for=jsonpath={.status.phase}=Succeeded', '--timeout=240s');
    const { status } = await cluster.object<Pod>('pod', name);
    await cluster.kubectl('delete', 'pod', name, '--now');
    return status.containerStatuses?.[0]?.imageID;
  };

  let digest = '';

  it('takes what this machine pushes to localhost, and gives it to every node under that name', async () => {
    digest = await pushed('app', busyboxImage, { Cmd: ['true'] });
    for (const node of ['node1', 'node2']) {
      // The runtime names the image by its repository or by its configuration.
      expect(await runs(node, `${await team('app')}:1`)).toMatch(/sha256:[0-9a-f]{64}$/);
    }
    expect((await cluster.status()).services.map(({ name, running }) => [name, running])).toContainEqual([
      'registry',
      true,
    ]);
  });

  it('has images for volumes, too: all their layers or a part of them, only to be read, gone with the pod', async () => {
    await pushed('web', demoImage, { Cmd: ['none'] });
    const image = `${await team('web')}:1`;
    const look = [
      'ls /image/bin/busybox /image/catatonit',
      'cat /part/healthz',
      'touch /image/new 2>&1 || echo refused',
      'sleep 1000',
    ];
    const volumeMounts = [
      { name: 'v', mountPath: '/image' },
      { name: 'v', mountPath: '/part', subPath: 'www' },
    ];
    const spec = {
      nodeName: 'node2',
      terminationGracePeriodSeconds: 0,
      containers: ['one', 'two'].map((name) => ({
        ...{ name, image: busyboxImage, command: ['sh', '-c', look.join('; ')], volumeMounts },
      })),
      volumes: [{ name: 'v', image: { reference: image, pullPolicy: 'Always' } }],
    };
    await runPod('reads', spec);
    await cluster.kubectl('wait', 'pod/reads', '--for=condition=Ready', '--timeout=240s');
    const { metadata } = await cluster.object<Pod>('pod', 'reads');
    for (const { name } of spec.containers) {
      const said = [
        '/image/bin/busybox',
        '/image/catatonit',
        'ok',
        'touch: /image/new: Read-only file system',
        'refused',
      ];
      await expect
        .poll(() => cluster.kubectl('logs', 'reads', '-c', name), { timeout: 120_000 })
        .toBe(`${said.join('\n')}\n`);
    }
    const views = async () => {
      const { socket } = containerdPaths(join(cluster.dir, 'nodes', 'node2', 'containerd'));
      const listed = await outputOf(runCommand, {
        program: 'ctr',
        args: ['-a', socket, '-n', 'k8s.io', 'snapshots', 'ls'],
      });
      return listed.split('\n').filter((line) => line.includes(metadata.uid ?? ''));
    };
    expect(await views()).toHaveLength(1);
    await cluster.kubectl('delete', 'pod', 'reads');
    await expect.poll(views, { timeout: 120_000 }).toEqual([]);

    // What no registry has is said of the container as of its own image.
    const missing = { ...spec, volumes: [{ name: 'v', image: { reference: `${await team('none')}:1` } }] };
    await runPod('waits', missing);
    const reason = '--for=jsonpath={.status.containerStatuses[0].state.waiting.reason}=ImagePullBackOff';
    await cluster.kubectl('wait', 'pod/waits', reason, '--timeout=240s');
    await cluster.kubectl('delete', 'pod', 'waits');
  });

  it('is part of the cluster from then on, and goes with it', async () => {
    const { index } = await cluster.layout();
    await cluster.ok('down');
    await cluster.up();
    expect(await runs('node2', `${await team('app')}@${digest}`)).toMatch(/sha256:[0-9a-f]{64}$/);
    await cluster.ok('down', '--purge');
    expect(await cluster.leftovers(index)).toEqual([]);
  });
});
