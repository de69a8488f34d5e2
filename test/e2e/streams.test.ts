import { runCommand } from '../../src/host/command.ts';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { WebSocket } from 'ws';
import type { Pod } from '../../src/api/generated/types.ts';
import { type Kubectl, kubectlIn, proxyOf } from './kubectl.ts';
import { demo, listOf, pod, service, sh } from './manifests.ts';

/** Ready is who has said what there is to read. */
const said = { exec: { command: ['test', '-e', '/said'] }, periodSeconds: 1 };

const objects = [
  pod('talks', { containers: [sh('c', 'i=0; while :; do echo line $i; i=$((i+1)); sleep 0.2; done')] }),
  pod('several', {
    initContainers: [sh('first', 'echo begun')],
    containers: ['one', 'two'].map((name) =>
      sh(name, `echo from ${name}; touch /said; sleep 3600`, { readinessProbe: said }),
    ),
  }),
  pod('listens', {
    containers: [
      sh('c', 'while read line; do echo "heard $line"; done; sleep 3600', { stdin: true, stdinOnce: false }),
    ],
  }),
  pod('terminal', { containers: [sh('c', 'tty; exec sh', { stdin: true, tty: true })] }),
  pod(
    'web',
    { containers: [{ name: 'c', image: demo, ports: [{ name: 'http', containerPort: 8080 }] }] },
    { labels: { app: 'web' } },
  ),
  service('web', { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }] }),
];

let kubectl: Kubectl;

/** kubectl on a terminal of its own, which `script` makes; what is typed is `input`. */
async function onTerminal(args: string, input = ''): Promise<{ exitCode: number; stdout: string }> {
  const command = `stty rows 33 cols 101; KUBECONFIG=${kubectl.dir}/kubeconfig HOME=${inject('scratch')} ${inject('kubectl')} ${args}`;
  return runCommand({ program: 'timeout', args: ['30', 'script', '-qec', command, '/dev/null'], input });
}

beforeAll(async () => {
  kubectl = await kubectlIn('streams');
  await kubectl.ok(['apply', '-f', '-'], { input: listOf(objects) });
  await kubectl.ok(['wait', '--for=condition=Ready', 'pod', '--all', '--timeout=60s']);
  return async () => {
    await kubectl.ok(['delete', 'namespace', 'streams', '--wait=false']);
  };
});

describe('a log over a WebSocket', () => {
  it('comes in messages, and ends', async () => {
    const { address, proxy } = await proxyOf(kubectl);
    const path = '/api/v1/namespaces/streams/pods/several/log?container=one';
    const client = new WebSocket(`ws://${address}${path}`, ['binary.k8s.io']);
    const heard: Buffer[] = [];
    client.on('message', (data: Buffer) => heard.push(data));
    expect(await new Promise((resolve) => client.on('close', resolve))).toBe(1000);
    expect(Buffer.concat(heard).toString()).toBe('from one\n');
    await proxy.stop();
  });
});

describe('watches', () => {
  it('get -w shows what is there and each change', async () => {
    const watch = kubectl.start(['get', 'cm', '-w', '-l', 'set=one']);
    const only = kubectl.start(['get', 'cm', '--watch-only', '--output-watch-events', '--no-headers', '-l', 'set=one']);
    await kubectl.ok(['create', 'cm', 'kept']);
    // Not selected until it has the label, and no longer when it has lost it.
    await kubectl.ok(['label', 'cm', 'kept', 'set=one']);
    await kubectl.ok(['patch', 'cm', 'kept', '-p', '{"data":{"a":"b"}}']);
    await kubectl.ok(['label', 'cm', 'kept', 'set-']);
    await only.says('DELETED');
    await Promise.all([watch.stop(), only.stop()]);
    expect(
      only.stdout
        .trim()
        .split('\n')
        .map((line) => line.split(/ +/).slice(0, 3)),
    ).toEqual([
      ['ADDED', 'kept', '0'],
      ['MODIFIED', 'kept', '1'],
      ['DELETED', 'kept', '1'],
    ]);
    expect(watch.stdout.split('\n')[0]).toMatch(/^NAME +DATA +AGE$/);
    expect(watch.stdout.trim().split('\n')).toHaveLength(4);
  });

  it('events -w follows', async () => {
    const watch = kubectl.start(['events', '--watch', '--for', 'pod/short']);
    await kubectl.ok(['run', 'short', '--image=knarr.local/busybox:1', '--restart=Never', '--', 'true']);
    await watch.says('Started');
    await watch.stop();
    expect(watch.stdout).toMatch(/ Normal +Scheduled +Pod\/short +Successfully assigned streams\/short to node1\n/);
  });
});

describe('logs', () => {
  it('-f follows, from where it is asked to', async () => {
    const logs = kubectl.start(['logs', '-f', 'talks', '--tail=1']);
    await logs.says('\n');
    const begin = Number(/line (\d+)/.exec(logs.stdout)?.[1]);
    await logs.says(`line ${begin + 3}\n`);
    await logs.stop();
    expect(logs.stdout).toMatch(
      new RegExp(`^line ${begin}\nline ${begin + 1}\nline ${begin + 2}\nline ${begin + 3}\n`),
    );
  });

  it('of all containers, in no order, each line with its container', async () => {
    const all = await kubectl.ok(['logs', 'several', '--all-containers', '--prefix']);
    expect(all.trim().split('\n').sort()).toEqual([
      '[pod/several/first] begun',
      '[pod/several/one] from one',
      '[pod/several/two] from two',
    ]);
  });

  it('--since leaves out what is older', async () => {
    const all = (await kubectl.ok(['logs', 'talks'])).trim().split('\n').length;
    const recent = (await kubectl.ok(['logs', 'talks', '--since=1s'])).trim().split('\n').length;
    expect(recent).toBeGreaterThan(1);
    expect(recent).toBeLessThanOrEqual(7);
    expect(recent).toBeLessThan(all);
  });
});

describe('exec and attach', () => {
  it('a terminal is one, of the right size, and its exit code comes back', async () => {
    const { exitCode, stdout } = await onTerminal(
      `exec -it web -- sh -c 'tty; until stty size 2>&1 | grep "33 101"; do sleep 0.1; done; exit 7'`,
    );
    expect(stdout).toMatch(/\/dev\/pts\/0\r\n.*33 101\r\n/);
    expect(exitCode).toBe(7);
  });

  it('what is typed arrives', async () => {
    const { exitCode, stdout } = await onTerminal('exec -it web -- sh', 'echo $((6*7))\nexit 3\n');
    expect(stdout).toContain('42\r\n');
    expect(exitCode).toBe(3);
  });

  it('megabytes go in and out whole', async () => {
    const input = 'x'.repeat(4 * 2 ** 20);
    expect(await kubectl.ok(['exec', '-i', 'web', '--', 'wc', '-c'], { input })).toBe(`${input.length}\n`);
    const out = await kubectl.ok(['exec', 'web', '--', 'sh', '-c', 'head -c 4194304 /dev/zero | tr "\\0" y']);
    expect(out.length).toBe(input.length);
  });

  it('attach joins the running container', async () => {
    const attached = kubectl.start(['attach', '-i', 'listens']);
    attached.write('first\n');
    await attached.says('heard first\n');
    attached.write('second\n');
    await attached.says('heard second\n');
    await attached.stop();
    expect(await kubectl.ok(['logs', 'listens'])).toBe('heard first\nheard second\n');
  });

  it('attach to a terminal', async () => {
    const { stdout } = await onTerminal('attach -it terminal', 'echo $((40+2))\nexit\n');
    expect(stdout).toContain('42\r\n');
    await kubectl.ok([
      'wait',
      '--for=jsonpath={.status.containerStatuses[0].restartCount}=1',
      'pod/terminal',
      '--timeout=30s',
    ]);
  });
});

describe('ports', () => {
  const answerAt = async (port: number, path = '') => (await fetch(`http://127.0.0.1:${port}/${path}`)).text();
  const portOf = (text: string) => Number(/127\.0\.0\.1:(\d+)/.exec(text)?.[1]);

  it.each([
    ['pod/web', '8080'],
    ['service/web', '80'],
  ])('port-forward to %s', async (target, port) => {
    const forward = kubectl.start(['port-forward', target, `:${port}`]);
    await forward.says(' -> 8080\n');
    const local = portOf(forward.stdout);
    expect(await Promise.all([answerAt(local), answerAt(local)])).toEqual(['web\n', 'web\n']);
    await forward.stop();
    expect(forward.stdout).toContain(`Handling connection for ${local}\n`);
  });

  it('port-forward to a port on which nobody listens', async () => {
    const forward = kubectl.start(['port-forward', 'pod/web', ':9999']);
    await forward.says(' -> 9999\n');
    await expect(answerAt(portOf(forward.stdout))).rejects.toThrow();
    await forward.stop();
    expect(forward.stderr).toContain('9999');
  });

  it('proxy passes the API on, and services, pods and nodes behind it', async () => {
    const proxy = kubectl.start(['proxy', '--port=0']);
    await proxy.says('Starting to serve on ');
    const port = portOf(proxy.stdout);
    const found = JSON.parse(await answerAt(port, 'api/v1/namespaces/streams/pods/web')) as Pod;
    expect(found).toMatchObject({ kind: 'Pod', metadata: { name: 'web', namespace: 'streams' } });
    expect(await answerAt(port, 'api/v1/namespaces/streams/services/web/proxy/')).toBe('web\n');
    expect(await answerAt(port, 'api/v1/namespaces/streams/services/http:web:80/proxy/healthz')).toBe('ok\n');
    expect(await answerAt(port, 'api/v1/namespaces/streams/pods/web:8080/proxy/healthz')).toBe('ok\n');
    expect(await answerAt(port, 'api/v1/nodes/node1/proxy/healthz')).toBe('ok');
    await proxy.stop();
  });
});
