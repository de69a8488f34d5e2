import { join } from 'node:path';
import { pods } from '../../src/api/generated/resources.ts';
import type { Pod, TokenRequest } from '../../src/api/generated/types.ts';
import type { Client } from '../../src/client/client.ts';
import { FakeTransport } from '../../src/client/fake.ts';
import type { ApiCall } from '../../src/client/transport.ts';
import { createClient } from '../../src/client/typed-client.ts';
import { connectContainerd } from '../../src/cri/containerd-client.ts';
import type { Cri } from '../../src/cri/cri.ts';
import { type Kubelet, type KubeletOptions, startKubelet } from '../../src/kubelet/kubelet.ts';
import type { Logger } from '../../src/base/log.ts';
import { machine, type OwnContainerd } from './own-containerd.ts';

/** The API's rules in memory, and tokens besides: what a kubelet alone needs. */
class ApiWithTokens extends FakeTransport {
  tokens = 0;

  override async call(call: ApiCall): Promise<unknown> {
    if (call.subresource !== 'token') return super.call(call);
    const request = call.body as TokenRequest;
    const expirationTimestamp = new Date(
      machine.clock.now() + (request.spec.expirationSeconds ?? 3600) * 1000,
    ).toISOString();
    return { ...request, status: { token: `token-${++this.tokens}`, expirationTimestamp } };
  }
}

/** A kubelet over a real containerd and an API in memory. */
export interface KubeletRun {
  client: Client;
  cri: Cri;
  api: ApiWithTokens;
  options: KubeletOptions;
  /** Starts it (again). */
  start(): Promise<Kubelet>;
  create(spec: Pod['spec'], meta: Partial<Pod['metadata']> & { name: string }): Promise<Pod>;
  get(name: string): Promise<Pod>;
  /** Resolves with the pod as soon as it is so; every change of it is looked at, nothing is polled. */
  until(name: string, is: (pod: Pod | undefined) => boolean): Promise<Pod | undefined>;
}

export function kubeletOn(
  own: OwnContainerd,
  { log = machine.log, ...more }: Partial<KubeletOptions> & { log?: Logger } = {},
): KubeletRun {
  const api = new ApiWithTokens(machine);
  const client = createClient(api);
  const cri = connectContainerd(own.containerd.socketPath, machine);
  const options: KubeletOptions = {
    nodeName: 'node-1',
    nodeIps: ['172.30.0.11'],
    dataDir: join(own.dir, 'kubelet'),
    cgroupRoot: own.cgroup,
    clusterDns: ['10.96.0.10'],
    clusterDomain: 'cluster.local',
    ...more,
  };
  const key = (name: string) => ({ namespace: 'default', name });
  return {
    client,
    cri,
    api,
    options,
    start: () => startKubelet({ ...machine, client, cri, log }, options),
    create: (spec, meta) =>
      client.create(pods, { metadata: { namespace: 'default', ...meta }, spec: { nodeName: 'node-1', ...spec } }),
    get: (name) => client.get(pods, key(name)),
    until: (name, is) =>
      new Promise((resolve) => {
        const look = (pod: Pod | undefined) => {
          if (!is(pod)) return;
          watch.stop();
          resolve(pod);
        };
        const watch = client.watch(
          pods,
          { namespace: 'default', fieldSelector: `metadata.name=${name}` },
          {
            events: (batch) => {
              for (const { type, object } of batch) look(type === 'DELETED' ? undefined : object);
            },
            end: () => undefined,
          },
        );
        client.get(pods, key(name)).then(look, () => look(undefined));
      }),
  };
}
