import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Node, Pod } from '../../src/api/generated/types.ts';
import { findCluster } from '../../src/cluster/cluster-identity.ts';
import { baseRecipes, busyboxImage } from '../../src/cluster/images/base-images.ts';
import { blobPath, buildOciImage, type Descriptor } from '../../src/cluster/images/oci-image.ts';
import { writeRegistryHosts } from '../../src/cluster/node/registry-hosts.ts';
import { containerdPaths } from '../../src/cri/containerd-config.ts';
import { type Kubectl, kubectlIn } from './kubectl.ts';
import { listOf, pod } from './manifests.ts';
import { until } from './until.ts';

/** A registry that has one image, for those who know its password (OCI distribution specification, "Pull"). */
class PrivateRegistry {
  /** How often the image was asked for with the right password. */
  pulls = 0;
  readonly #server: Server;
  readonly #dir: string;
  readonly #target: Descriptor;

  constructor(dir: string, target: Descriptor) {
    this.#dir = dir;
    this.#target = target;
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  async listen(host: string): Promise<string> {
    await once(this.#server.listen(0, host), 'listening');
    return `${host}:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await once(this.#server.close(), 'close');
  }

  async #serve({ url = '', method, headers }: IncomingMessage, response: ServerResponse): Promise<void> {
    if (headers.authorization !== `Basic ${Buffer.from('me:secret').toString('base64')}`) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="e2e"' }).end();
      return;
    }
    const [, kind, reference = ''] = /^\/v2\/app\/(manifests|blobs)\/([\w:]+)/.exec(url) ?? [];
    if (reference === '1') this.pulls++;
    const digest = reference === '1' ? this.#target.digest : reference;
    const body = kind && (await readFile(blobPath(this.#dir, digest)).catch(() => undefined));
    if (!body) {
      response.writeHead(url === '/v2/' ? 200 : 404).end();
      return;
    }
    response.writeHead(200, {
      'content-type': kind === 'manifests' ? this.#target.mediaType : 'application/octet-stream',
      'content-length': body.length,
      'docker-content-digest': digest,
    });
    response.end(method === 'HEAD' ? undefined : body);
  }
}

describe('an image of a registry that wants a password', () => {
  let kubectl: Kubectl;
  let registry: PrivateRegistry;
  let address = '';
  let nodeName = '';

  beforeAll(async () => {
    kubectl = await kubectlIn('private-images');
    const clusterDir = dirname(inject('kubeconfig'));
    const recipes = await baseRecipes({ busybox: '/bin/busybox', catatonit: '/usr/bin/catatonit' });
    const recipe = recipes.find(({ ref }) => ref === busyboxImage) ?? expect.fail();
    const dir = join(kubectl.dir, 'image');
    registry = new PrivateRegistry(dir, await buildOciImage({ ...recipe, config: { Cmd: ['true'] } }, dir));
    const layout = (await findCluster(dirname(clusterDir), basename(clusterDir))) ?? expect.fail();
    address = await registry.listen(layout.registry.host);
    const [node] = (await kubectl.object<{ items: Node[] }>('nodes')).items;
    nodeName = node?.metadata.name ?? '';
    const { certsDir } = containerdPaths(join(clusterDir, 'nodes', nodeName, 'containerd'));
    await writeRegistryHosts(certsDir, address);
    for (const [name, password] of [
      ['right', 'secret'],
      ['copy', 'secret'],
      ['wrong', 'guessed'],
    ] as const) {
      const words = [`--docker-server=${address}`, '--docker-username=me', `--docker-password=${password}`];
      await kubectl.ok(['create', 'secret', 'docker-registry', name, ...words]);
    }
  });
  afterAll(async () => {
    await kubectl.ok(['delete', 'namespace', 'private-images', '--wait=false']);
    await registry.close();
  });

  const run = (name: string, imagePullPolicy: string, secret?: string) => {
    const containers = [{ name: 'c', image: `${address}/app:1`, imagePullPolicy, command: ['true'] }];
    const imagePullSecrets = secret ? [{ name: secret }] : [];
    const spec = { nodeName, restartPolicy: 'Never', containers, imagePullSecrets };
    return kubectl.ok(['apply', '-f', '-'], { input: listOf([pod(name, spec)]) });
  };
  const succeeds = (name: string) => until<Pod>(kubectl, `pod/${name}`, ({ status }) => status?.phase === 'Succeeded');
  const waits = async (name: string, reason: string) => {
    const waitingOf = ({ status }: Pod) => status?.containerStatuses?.[0]?.state?.waiting;
    return waitingOf(await until<Pod>(kubectl, `pod/${name}`, (one) => waitingOf(one)?.reason === reason));
  };

  it('is on the node for pods alone that have what fetched it', async () => {
    await run('early', 'IfNotPresent');
    await waits('early', 'ImagePullBackOff');
    await run('first', 'IfNotPresent', 'right');
    await succeeds('first');
    expect(registry.pulls).toBeGreaterThan(0);
    const { pulls } = registry;

    await run('same', 'Never', 'right');
    await run('copied', 'IfNotPresent', 'copy');
    await succeeds('same');
    await succeeds('copied');
    expect(registry.pulls).toBe(pulls);
    expect(await kubectl.ok(['describe', 'pod', 'copied'])).toContain(
      `Container image "${address}/app:1" already present on machine and can be accessed by the pod`,
    );

    await run('without', 'IfNotPresent');
    await run('guesses', 'IfNotPresent', 'wrong');
    await run('asks', 'Never');
    expect((await waits('without', 'ImagePullBackOff'))?.message).toContain('ErrImagePull');
    await waits('guesses', 'ImagePullBackOff');
    expect((await waits('asks', 'ErrImageNeverPull'))?.message).toBe(
      `Container image "${address}/app:1" is not present with pull policy of Never`,
    );
    expect(registry.pulls).toBe(pulls);
  });
});
