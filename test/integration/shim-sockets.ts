import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where the shims of a containerd's pods listen: their names in /run/containerd/s do not say whose they are. */
export function shimSockets(containerdDir: string): string[] {
  const bundles = join(containerdDir, 'state/io.containerd.runtime.v2.task/k8s.io');
  const files = readdirSync(bundles).map((id) => join(bundles, id, 'address'));
  const addresses = files.filter((file) => existsSync(file)).map((file) => readFileSync(file, 'utf8').trim());
  return [...new Set(addresses)].map((address) => address.replace('unix://', ''));
}
