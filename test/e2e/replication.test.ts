import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Pod } from '../../src/api/generated/types.ts';
import { type Kubectl, kubectlIn } from './kubectl.ts';
import { demo, deployment, listOf, service, sh } from './manifests.ts';

let kubectl: Kubectl;
beforeAll(async () => {
  kubectl = await kubectlIn('replication');
});
afterAll(() => kubectl.ok(['delete', 'namespace', 'replication', '--wait=false']));

const podsOf = async (app: string): Promise<Pod[]> =>
  (await kubectl.object<{ items: Pod[] }>('pods', '-l', `app=${app}`)).items;
/** Each answers for itself: the demo says the name of its host. */
const answers = async (app: string): Promise<[name: string, answer: string][]> =>
  Promise.all(
    (await podsOf(app)).map(async ({ metadata: { name } }) => [
      name,
      (await kubectl.ok(['get', '--raw', `/api/v1/namespaces/replication/pods/${name}:8080/proxy/`])).trim(),
    ]),
  );
const ready = (what: string, count: number) =>
  kubectl.ok(['wait', what, `--for=jsonpath={.status.readyReplicas}=${count}`, '--timeout=60s']);

const replicated = (kind: string, app: string) => ({
  ...(kind === 'ReplicaSet' ? { apiVersion: 'apps/v1' } : { apiVersion: 'v1' }),
  kind,
  metadata: { name: app },
  spec: {
    replicas: 2,
    selector: kind === 'ReplicaSet' ? { matchLabels: { app } } : { app },
    template: {
      metadata: { labels: { app } },
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: [{ name: 'c', image: demo, ports: [{ containerPort: 8080 }] }],
      },
    },
  },
});

describe.each(['ReplicationController', 'ReplicaSet'])('a %s', (kind) => {
  const app = kind.toLowerCase();
  it('runs its image in each of its pods, and each answers', async () => {
    await kubectl.ok(['create', '-f', '-'], { input: JSON.stringify(replicated(kind, app)) });
    await ready(`${kind}/${app}`, 2);
    const all = await answers(app);
    expect(all).toHaveLength(2);
    for (const [name, answer] of all) expect(answer).toBe(name);
  });

  it('is scaled down and up again, and stopped', async () => {
    const scale = (replicas: number) => kubectl.ok(['scale', `${kind}/${app}`, `--replicas=${replicas}`]);
    await scale(1);
    await ready(`${kind}/${app}`, 1);
    await kubectl.ok(['wait', `${kind}/${app}`, '--for=jsonpath={.status.replicas}=1', '--timeout=60s']);
    const [kept] = (await podsOf(app)).filter(({ metadata }) => !metadata.deletionTimestamp);
    await scale(2);
    await ready(`${kind}/${app}`, 2);
    await kubectl.ok(['wait', 'pods', '-l', `app=${app}`, '--for=condition=Ready', '--timeout=60s']);
    expect((await answers(app)).map(([, answer]) => answer)).toContain(kept?.metadata.name);
    const input = JSON.stringify(replicated(kind, app));
    await kubectl.ok(['delete', '--grace-period=0', '--force', '-f', '-'], { input });
    await kubectl.ok(['wait', 'pods', '-l', `app=${app}`, '--for=delete', '--timeout=60s']);
    expect(await kubectl.ok(['get', 'rc,rs,pods', '-l', `app=${app}`, '-o', 'name'])).toBe('');
  });
});

/** A web server: each script is asked for below `/cgi-bin`, and what it writes into `/www` is at the root. */
const server = (scripts: Record<string, string>, beside = ':') => {
  const head = String.raw`printf "Content-Type: text/plain\r\n\r\n"`;
  const written = Object.entries(scripts).map(
    ([name, script]) =>
      `cat > /www/cgi-bin/${name} <<'END'\n#!/bin/sh\n${head}\n${script}\nEND\nchmod +x /www/cgi-bin/${name}`,
  );
  return ['mkdir -p /www/cgi-bin', ...written, beside, 'exec httpd -f -p 80 -h /www'].join('\n');
};
const tier = (name: string, replicas: number, script: string) => [
  deployment(name, replicas, {
    terminationGracePeriodSeconds: 1,
    containers: [
      sh('c', script, {
        ports: [{ containerPort: 80 }],
        readinessProbe: { tcpSocket: { port: 80 }, periodSeconds: 1 },
      }),
    ],
  }),
  service(name, { selector: { app: name }, ports: [{ port: 80 }] }),
];

describe('an application of three tiers', () => {
  it('keeps at one place what is said at another, and can be read at a third; then it is stopped', async () => {
    const follow = 'while :; do wget -qO /www/new http://primary/book && mv /www/new /www/book; sleep 0.2; done &';
    const input = listOf([
      ...tier('primary', 1, server({ write: 'echo $QUERY_STRING > /www/book' })),
      ...tier('replica', 2, server({}, follow)),
      ...tier(
        'frontend',
        3,
        server({
          write: 'wget -qO- http://primary/cgi-bin/write?$QUERY_STRING',
          read: 'wget -qO- http://replica/book',
        }),
      ),
    ]);
    await kubectl.ok(['create', '-f', '-'], { input });
    for (const name of ['primary', 'replica', 'frontend'])
      await kubectl.ok(['rollout', 'status', `deployment/${name}`, '--timeout=60s']);
    const ask = (path: string) =>
      kubectl(['get', '--raw', `/api/v1/namespaces/replication/services/frontend/proxy/cgi-bin/${path}`]);
    expect(await ask('write?message=TestEntry')).toMatchObject({ code: 0, stderr: '' });
    // The replicas come after it.
    await expect.poll(async () => (await ask('read')).stdout.trim(), { timeout: 30_000 }).toBe('message=TestEntry');
    await kubectl.ok(['delete', '--grace-period=0', '--force', '-f', '-'], { input });
    await kubectl.ok(['wait', 'pods', '-l', 'app in (primary,replica,frontend)', '--for=delete', '--timeout=60s']);
    expect(await kubectl.ok(['get', 'deploy,svc,pods', '-o', 'name'])).toBe('');
  });
});
