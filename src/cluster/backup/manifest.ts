import { NewerFormatError } from '../folder-format.ts';
import { stateFormat } from '../../store/lmdb/state-format.ts';

/** Raised when the layout of a backup changes; newer ones are refused. */
export const backupFormat = 1;

/** The first file of a backup: what is in it, and how to tell that it is whole. */
export interface BackupManifest {
  format: number;
  /** Of the state folder. */
  stateFormat: number;
  /** The knarr that took it. */
  knarr: string;
  cluster: string;
  /** Picks the networks: objects hold addresses of them. */
  index: number;
  nodes: string[];
  /** The one revision of which all objects are. */
  revision: number;
  objects: number;
  takenAt: string;
  files: BackupFile[];
}

export interface BackupFile {
  /** From the cluster's folder. */
  path: string;
  size: number;
  sha256: string;
  /** Secrets are 0600. */
  mode: number;
}

export const manifestName = 'manifest.json';

/** The file is no backup, or not a whole one. */
export class BrokenBackupError extends Error {
  constructor(file: string, why: string) {
    super(`${file} is not a whole backup: ${why}`);
    this.name = 'BrokenBackupError';
  }
}

/** Throws `BrokenBackupError`, or `NewerFormatError` for one that this knarr cannot read. */
export function parseManifest(file: string, text: string): BackupManifest {
  let manifest: BackupManifest;
  try {
    manifest = JSON.parse(text) as BackupManifest;
  } catch {
    throw new BrokenBackupError(file, 'its manifest cannot be read');
  }
  if (!Number.isInteger(manifest.format) || !Array.isArray(manifest.files))
    throw new BrokenBackupError(file, 'its manifest is none of knarr');
  for (const [format, known] of [
    [manifest.format, backupFormat] as const,
    [manifest.stateFormat, stateFormat] as const,
  ]) {
    if (format > known) throw new NewerFormatError(file, { format, known });
  }
  return manifest;
}

/** What was unpacked against what the manifest promises: missing, unknown, shortened or changed files. */
export function differences(promised: readonly BackupFile[], found: readonly Omit<BackupFile, 'mode'>[]): string[] {
  const byPath = new Map(found.map((file) => [file.path, file]));
  const known = new Set(promised.map(({ path }) => path));
  return [
    ...promised.flatMap(({ path, size, sha256 }) => {
      const file = byPath.get(path);
      if (!file) return [`${path} is missing`];
      return file.size === size && file.sha256 === sha256 ? [] : [`${path} has another content`];
    }),
    ...found.filter(({ path }) => !known.has(path)).map(({ path }) => `${path} is not of it`),
  ];
}
