import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { writePublic } from '../pki/files.ts';
import type { ClusterLayout } from './layout.ts';
import type { Prerequisite } from './prerequisites.ts';
import { type Program, registryServiceName, serviceEnvironment } from './services.ts';
import type { Service } from './supervisor.ts';

const program = '/usr/bin/docker-registry';

/** The reference implementation of the distribution specification, which every tool that pushes knows. */
export const registryPrerequisite: Prerequisite = {
  anyOf: [program],
  debianPackage: 'docker-registry',
  why: 'takes images that are pushed',
};

/** `docker-registry`, as it is supervised; what is pushed is in the cluster's folder. */
export async function registryService(layout: ClusterLayout, { build, ...own }: Program): Promise<Service> {
  const { registryDir, registry } = layout;
  const config = join(registryDir, 'config.yml');
  await mkdir(registryDir, { recursive: true, mode: 0o700 });
  const text = stringify({
    version: 0.1,
    log: { level: 'warn', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(registryDir, 'data') }, delete: { enabled: true } },
    http: { addr: `${registry.host}:${registry.port}` },
  });
  await writePublic(config, text);
  const env = serviceEnvironment(layout, { build, ...own });
  return { name: registryServiceName, command: [program, 'serve', config], build, env };
}
