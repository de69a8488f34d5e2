import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Tells a containerd where the cluster's registry is: what is named `localhost:PORT/…`, as it is pushed on the server's
 * machine, is pulled from there (containerd/docs/hosts.md). The file is read at each pull.
 */
export async function writeRegistryHosts(certsDir: string, registry: string): Promise<void> {
  const port = registry.slice(registry.lastIndexOf(':') + 1);
  const text = `server = "http://${registry}"

[host."http://${registry}"]
  capabilities = ["pull", "resolve"]
`;
  for (const name of [`localhost:${port}`, registry]) {
    const dir = join(certsDir, name);
    await mkdir(dir, { recursive: true });
    // What is there already needs no room on a full disk.
    if ((await readFile(join(dir, 'hosts.toml'), 'utf8').catch(() => '')) === text) continue;
    await writeFile(join(dir, 'hosts.toml.tmp'), text);
    await rename(join(dir, 'hosts.toml.tmp'), join(dir, 'hosts.toml'));
  }
}
