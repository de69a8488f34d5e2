import { open } from 'node:fs/promises';
import type { Pod } from '../api/generated/types.ts';
import { parseLogLine } from './logs/cri-log.ts';
import type { PodPaths } from './pod-paths.ts';
import { containerOf } from './worker/pod-spec.ts';

/** The API's limits of a termination message. */
const maxFileBytes = 4096;
const maxLogBytes = 2048;
const maxLogLines = 80;

export interface EndedContainer {
  name: string;
  attempt: number;
  exitCode: number;
}

/** A container's last words: its termination log, or the end of its log when it failed without any and asks for that. */
export async function terminationMessage(pod: Pod, ended: EndedContainer, paths: PodPaths): Promise<string> {
  const container = containerOf(pod, ended.name);
  const uid = pod.metadata.uid ?? '';
  const own = await tail(paths.terminationLog(uid, ended.name, ended.attempt), maxFileBytes);
  if (own || ended.exitCode === 0 || container?.terminationMessagePolicy !== 'FallbackToLogsOnError') return own;
  const log = await tail(paths.logFile(pod, ended.name, ended.attempt), maxLogBytes * 4);
  const lines = log.split('\n').map((line) => parseLogLine(line)?.content ?? '');
  return Buffer.from(lines.slice(-maxLogLines - 1).join(''))
    .subarray(-maxLogBytes)
    .toString();
}

/** The last bytes of a file; empty when it is not there. */
async function tail(path: string, bytes: number): Promise<string> {
  const file = await open(path).catch(() => undefined);
  if (!file) return '';
  try {
    const { size } = await file.stat();
    const length = Math.min(size, bytes);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.subarray(0, bytesRead).toString();
  } finally {
    await file.close();
  }
}
