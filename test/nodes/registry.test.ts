import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Pod } from '../../src/api/generated/types.ts';
import { baseRecipes } from '../../src/cluster/images/base-images.ts';
import { findImages } from '../../src/cluster/images/image-layout.ts';
import { blobPath, buildOciImage } from '../../src/cluster/images/oci-image.ts';
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

  const runs = async (node: string, image: string) => {
    const container = { name: 'c', image, imagePullPolicy: 'Always', command: ['sh', '-c', 'cat /etc/passwd'] };
    const spec = { nodeName: node, restartPolicy: 'Never', containers: [container] };
    const name = `from-${node}`;
    await cluster.kubectl('run', name, '--image', image, '--restart=Never', '--overrides', JSON.stringify({ spec }));
    await cluster.kubectl('wait', `pod/${name}`, '--for=jsonpath={.status.phase}=Succeeded', '--timeout=240s');
    const { status } = await cluster.object<Pod>('pod', name);
    await cluster.kubectl('delete', 'pod', name, '--now');
    return status.containerStatuses?.[0]?.imageID;
  };

  it('takes what this machine pushes to localhost, and gives it to every node under that name', async () => {
    const { index } = await cluster.layout();
    const registry = `localhost:${5001 + index}`;
    const [, busybox] = await baseRecipes({ busybox: '/bin/busybox', catatonit: '/usr/bin/catatonit' });
    const dir = join(cluster.userHome, 'image');
    const { digest } = await buildOciImage({ ...(busybox ?? expect.fail()), config: { Cmd: ['true'] } }, dir);
    await push(dir, `http://${registry}`, 'team/app', '1');
    for (const node of ['node1', 'node2']) {
      // The runtime names the image by its repository or by its configuration.
      expect(await runs(node, `${registry}/team/app:1`)).toMatch(/sha256:[0-9a-f]{64}$/);
    }
    expect((await cluster.status()).services.map(({ name, running }) => [name, running])).toContainEqual([
      'registry',
      true,
    ]);

    // It is part of the cluster from now on.
    await cluster.ok('down');
    await cluster.up();
    expect(await runs('node2', `${registry}/team/app@${digest}`)).toMatch(/sha256:[0-9a-f]{64}$/);
    await cluster.ok('down', '--purge');
    expect(await cluster.leftovers(index)).toEqual([]);
  });
});
