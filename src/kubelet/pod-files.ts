import { rm } from 'node:fs/promises';
import type { Pod } from '../api/generated/types.ts';
import type { PodPaths } from './pod-paths.ts';
import { terminationMessage } from './termination-message.ts';

/** What pod operations read and remove besides what hooks do; nothing of it in a simulation. */
export interface PodFiles {
  /** A dead container's termination message. */
  lastWords(pod: Pod, ended: { name: string; attempt: number; exitCode: number }): Promise<string>;
  /** Log and termination log of a container that is removed. */
  removeContainer(pod: Pod, container: { name: string; attempt: number }): Promise<void>;
}

export const podFiles = (paths: PodPaths): PodFiles => ({
  lastWords: (pod, ended) => terminationMessage(pod, ended, paths),
  async removeContainer(pod, { name, attempt }) {
    await rm(paths.logFile(pod, name, attempt), { force: true });
    await rm(paths.terminationLog(pod.metadata.uid ?? '', name, attempt), { force: true });
  },
});
