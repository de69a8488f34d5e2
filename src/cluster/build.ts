import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

/** Which knarr a process is: the version that people read, and a hash that no two different programs share. */
export interface Build {
  version: string;
  id: string;
}

/** The build of a bundled program; its file names its chunks by their content, so that its hash stands for all of them. */
export async function buildOf(programFile: string, version: string): Promise<Build> {
  const content = await readFile(programFile);
  return { version, id: createHash('sha256').update(content).digest('hex').slice(0, 12) };
}

/** The name under which `ps` shows a supervisor. */
export const buildLabel = ({ version, id }: Build): string => `knarr ${version} ${id}`;

export function parseBuildLabel(label: string): Build | undefined {
  const match = /^knarr (\S+) ([0-9a-f]+)$/.exec(label);
  return match ? { version: match[1] as string, id: match[2] as string } : undefined;
}
