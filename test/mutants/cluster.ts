import type { Mutant } from './mutant.ts';

const backupTest = 'src/cluster/backup/backup.test.ts';
const contextsTest = 'src/cluster/kubeconfig/cluster-contexts.test.ts';

export const cluster: Mutant[] = [
  {
    bug: 'a node that is cut off keeps its link',
    file: 'src/cluster/network/plan.ts',
    find: "isCutOff ? 'down' : 'up'",
    replace: "isCutOff ? 'up' : 'up'",
    test: { file: 'src/cluster/network/plan.test.ts', name: 'takes the link of a node down' },
  },
  {
    bug: 'a drain waits for the pods of DaemonSets',
    file: 'src/cluster/drain.ts',
    find: "owner?.kind !== 'DaemonSet' && ",
    replace: '',
    test: { file: 'src/cluster/drain.test.ts', name: 'a drain leaves pods of DaemonSets' },
  },
  {
    bug: 'two commands may make a cluster at the same time',
    file: 'src/cluster/cluster-identity.ts',
    find: 'return await withFolderLock(home, {}, work);',
    replace: 'return await work();',
    test: { file: 'src/cluster/cluster-identity.test.ts', name: 'get networks and ports of their own' },
  },
  {
    bug: 'a folder that was replaced counts as locked',
    file: 'src/host/folder-lock.ts',
    find: '[ "$1" -ef /proc/self/fd/9 ] || exit ${exitCodes.gone}',
    replace: '',
    test: { file: 'src/host/folder-lock.test.ts', name: 'is gone or another one now' },
  },
  {
    bug: 'an older knarr opens the folder of a newer one',
    file: 'src/cluster/folder-format.ts',
    find: 'if (format > known) throw',
    replace: 'if (format > known + 9) throw',
    test: { file: 'src/cluster/cluster-identity.test.ts', name: 'a newer one is refused' },
  },
  {
    bug: 'a backup is restored without a look at its contents',
    file: 'src/cluster/backup/manifest.ts',
    find: 'file.size === size && file.sha256 === sha256',
    replace: 'file.size === size',
    test: { file: backupTest, name: 'is refused when anything of it was changed' },
  },
  {
    bug: 'a clone keeps the addresses of the first cluster',
    file: 'src/cluster/backup/readdress.ts',
    find: "services: ['spec.clusterIP', 'spec.clusterIPs'],",
    replace: '',
    test: { file: 'src/cluster/backup/readdress.test.ts', name: 'move where the cluster has given them' },
  },
  {
    bug: "a person's kubeconfig is changed without the lock",
    file: 'src/cluster/kubeconfig/user-file.ts',
    find: "if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;",
    replace: 'return async () => {};',
    test: { file: contextsTest, name: 'waits for the lock of kubectl' },
  },
  {
    bug: 'a context that a person has taken out comes back',
    file: 'src/cluster/kubeconfig/cluster-contexts.ts',
    find: 'hasContext(text, entry.name) ? mergeContext(text, entry) : text',
    replace: 'mergeContext(text, entry)',
    test: { file: contextsTest, name: 'do not come back once taken out' },
  },
  {
    bug: 'certificates are looked at only once',
    file: 'src/cluster/server/server-certificates.ts',
    find: '!leaves.some(({ cert }) => expiresSoon(cert, clock))',
    replace: 'true',
    test: { file: 'src/cluster/server/server-certificates.test.ts', name: 'when the clock is turned 400 days' },
  },
  {
    bug: 'another build is not replaced',
    file: 'src/cluster/build.ts',
    find: '`knarr ${version} ${id}`',
    replace: '`knarr 1.0.0 ${id}`',
    test: { file: 'src/cluster/supervisor.test.ts', name: 'gives way to another build' },
  },
  {
    bug: 'what is written while a log is put aside is lost',
    file: 'src/cluster/log-rotation.ts',
    find: 'truncateSync(file);',
    replace: 'truncateSync(file); truncateSync(copy, 100);',
    test: { file: 'src/cluster/log-rotation.test.ts', name: 'loses no line' },
  },
];
