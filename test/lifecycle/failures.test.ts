import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { RealCluster } from './real-cluster.ts';

const cluster = new RealCluster('lc-fail');
afterAll(() => cluster.purge());

it('up says what is in its way, and what to do', async () => {
  const { server } = await cluster.up('--no-demo');
  await cluster.ok('down');

  // Somebody else has the port.
  const port = Number(new URL(server).port);
  const other = createServer().listen(port, '127.0.0.1');
  await once(other, 'listening');
  const taken = await cluster.run('up');
  expect(taken.code).toBe(1);
  expect(taken.stdout).toContain('✗ server');
  expect(taken.stderr).toMatch(
    new RegExp(`^knarr: port ${port} is in use by .*\\(process ${process.pid}\\)\\n  next: end that program, then run`),
  );
  other.close();
  await once(other, 'close');

  // The server cannot start.
  const keyFile = join(cluster.dir, 'pki/ca.key');
  const key = readFileSync(keyFile);
  writeFileSync(keyFile, readFileSync(join(cluster.dir, 'pki/sa.key')));
  const broken = await cluster.run('up');
  expect(broken.code).toBe(1);
  expect(broken.stderr).toContain('knarr: server ends at its start\n');
  expect(broken.stderr).toContain(`${keyFile} is not the key of ca.crt`);
  expect(broken.stderr).toContain(`log: ${join(cluster.dir, 'log/server.log')}`);
  expect(broken.stderr).toContain('next: ./knarr status --cluster lc-fail');
  expect(await cluster.run('status')).toMatchObject({
    code: 4,
    stdout: expect.stringContaining('! the API server at'),
  });

  // And all is well again when the reason is gone.
  writeFileSync(keyFile, key);
  await cluster.up('--no-demo');
  expect(await cluster.status()).toMatchObject({ healthy: true });

  // Nothing of knarr depends on the user's kubeconfig.
  const config = join(cluster.userHome, '.kube/config');
  writeFileSync(config, 'no: [kubeconfig');
  const unreadable = await cluster.run('up', '--no-demo');
  expect(unreadable.code).toBe(0);
  expect(unreadable.stdout).toContain(`! ${config} is left as it was: not a kubeconfig`);
  expect(readFileSync(config, 'utf8')).toBe('no: [kubeconfig');
});
