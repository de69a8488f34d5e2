import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import { promisify } from 'node:util';
import { configurationDir, configurationFile, healthPort, proxyImage, versionFile } from '../../ingress/haproxy.ts';
import type { ImageRecipe, LayerEntry } from './oci-image.ts';

const run = promisify(execFile);

/** What carries Ingress and Gateway, of Debian's packages haproxy and inotify-tools. */
export const proxyPrograms = { haproxy: '/usr/sbin/haproxy', inotifywait: '/usr/bin/inotifywait' };

/**
 * The files of a Secret change all at once: `..data`, a link, is put in the place of the one before. haproxy then takes the new
 * ones, without closing a connection; what does not load is left, and the old process serves on. haproxy 2.6 loses a signal that
 * comes while it loads, so it is told until it says that it serves the files there are. Who tells it is no child of it, as it
 * ends with its last one.
 */
const start = `#!/bin/sh
cd ${configurationDir} || exit 1
haproxy=$$
served() { wget -q -O - http://127.0.0.1:${healthPort}/ 2> /dev/null; }
follow() {
  until served > /dev/null; do sleep 1; done
  while :; do
    for try in 1 2 3 4 5 6 7 8 9 10; do
      [ "$(served)" = "$(cat ${versionFile})" ] && break
      kill -USR2 $haproxy
      sleep 1
    done
    read -r name || exit
  done
}
(inotifywait -q -m -e moved_to --format %f . | follow &)
exec haproxy -W -f ${configurationDir}/${configurationFile}
`;

/** The image of proxies on top of a shell; none on a machine without the programs, where no proxy can run. */
export async function proxyRecipes(shell: LayerEntry[], catatonit: string): Promise<ImageRecipe[]> {
  const files = Object.values(proxyPrograms);
  const present = await Promise.all(
    files.map((path) =>
      access(path).then(
        () => true,
        () => false,
      ),
    ),
  );
  if (present.includes(false)) return [];
  const libraries = new Set((await Promise.all(files.map(librariesOf))).flat());
  const layer: LayerEntry[] = [...files, ...[...libraries].sort()].map((path) => file(path, { file: path }));
  return [
    {
      ref: proxyImage,
      layers: [shell, [...layer, file('/catatonit', { file: catatonit }), file('/start', { text: start })]],
      config: {
        Entrypoint: ['/catatonit', '--', '/start'],
        Env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'],
        WorkingDir: '/',
        // Listens no more, and ends with its last connection.
        StopSignal: 'SIGUSR1',
      },
    },
  ];
}

/** The shared libraries of a program, and who loads them. */
async function librariesOf(program: string): Promise<string[]> {
  const { stdout } = await run('ldd', [program]);
  return [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path as string);
}

const file = (path: string, content: { file: string } | { text: string }): LayerEntry => ({
  type: 'file',
  path: path.slice(1),
  mode: 0o755,
  content,
});
