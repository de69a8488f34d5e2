/** What a command's exit code says; `--help` of each command shows those that it uses. */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  noCluster: 3,
  unhealthy: 4,
  newer: 5,
} as const;

export type ExitReason = keyof typeof exitCodes;

export const exitTexts: Record<ExitReason, string> = {
  done: 'done',
  failed: 'it failed; the last lines say why and what to try next',
  usage: 'the command line was not understood',
  noCluster: 'there is no cluster of this name on this machine',
  unhealthy: 'the cluster is there, but something that should run or be ready is not',
  newer: 'the cluster, or the backup, was written by a newer knarr; nothing was touched',
};
