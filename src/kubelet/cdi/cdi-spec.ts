import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';

/** What a device means for a container (Container Device Interface specification, 1.0). */
export interface ContainerEdits {
  env?: string[];
  deviceNodes?: { path: string; hostPath?: string; permissions?: string }[];
  mounts?: { hostPath: string; containerPath: string; options?: string[] }[];
  hooks?: object[];
}

interface CdiSpec {
  /** `vendor.com/class` */
  kind?: string;
  devices?: { name: string; annotations?: Record<string, string>; containerEdits?: ContainerEdits }[];
  /** For whoever gets any of the devices. */
  containerEdits?: ContainerEdits;
}

/** One device, by its whole name. */
export interface CdiDevice {
  name: string;
  edits: ContainerEdits;
  annotations: Record<string, string>;
  /** Of its whole file, which counts once however many of its devices are used. */
  common: ContainerEdits;
}

/** Where drivers put them; a file in a later folder wins. */
export const cdiFolders = ['/etc/cdi', '/var/run/cdi'];

/** Reads what is there now: a driver writes a file just before it names the device. A file that cannot be read is passed over. */
export async function readCdiDevices(folders: readonly string[] = cdiFolders): Promise<Map<string, CdiDevice>> {
  const found = new Map<string, CdiDevice>();
  for (const folder of folders) {
    const names = (await readdir(folder).catch(() => [])).filter((name) => /\.(json|ya?ml)$/.test(name)).sort();
    for (const name of names) {
      const spec = await readSpec(join(folder, name));
      const common = spec?.containerEdits ?? {};
      for (const { name: device, containerEdits: edits = {}, annotations = {} } of spec?.devices ?? []) {
        const whole = `${spec?.kind}=${device}`;
        found.set(whole, { name: whole, edits, annotations, common });
      }
    }
  }
  return found;
}

async function readSpec(path: string): Promise<CdiSpec | undefined> {
  try {
    return parse(await readFile(path, 'utf8')) as CdiSpec;
  } catch {
    return undefined;
  }
}
