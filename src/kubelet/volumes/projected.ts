import type { Pod, ServiceAccountTokenProjection, VolumeProjection } from '../../api/generated/types.ts';
import { type Payload, type ProjectedFile, writeAtomically } from './atomic-writer.ts';
import { configMapBytes, downwardFiles, secretBytes, selectKeys } from './payload.ts';
import type { VolumeDeps, VolumeKind } from './volume.ts';

/** Several sources in one folder; what every pod gets its service account token through. */
export const projected: VolumeKind = {
  name: 'projected',
  isReadOnly: true,
  handles: (volume) => volume.projected !== undefined,
  async prepare({ pod, volume, memoryDir }, deps) {
    const { sources, defaultMode: mode } = volume.projected ?? {};
    const payload: Payload = new Map();
    for (const source of sources ?? []) {
      for (const [path, file] of await filesOf(pod, source, { deps, mode })) payload.set(path, file);
    }
    writeAtomically(memoryDir, payload, { rng: deps.rng, fsGroup: pod.spec.securityContext?.fsGroup });
    return memoryDir;
  },
  refreshAtMs({ pod, volume }, { tokens }) {
    const times = (volume.projected?.sources ?? []).flatMap(({ serviceAccountToken }) => {
      const atMs = serviceAccountToken && tokens.refreshAtMs(pod, serviceAccountToken);
      return atMs === undefined ? [] : [atMs];
    });
    return times.length > 0 ? Math.min(...times) : undefined;
  },
};

type Around = { deps: VolumeDeps; mode?: number };

async function filesOf(pod: Pod, source: VolumeProjection, { deps, mode }: Around): Promise<Payload> {
  const namespace = pod.metadata.namespace ?? '';
  if (source.configMap) {
    const { name = '', items, optional } = source.configMap;
    const found = await deps.objects.configMap(namespace, name);
    if (!found && !optional) throw new Error(`configmap "${name}" not found`);
    return selectKeys(found ? configMapBytes(found) : {}, { items, mode, optional });
  }
  if (source.secret) {
    const { name = '', items, optional } = source.secret;
    const found = await deps.objects.secret(namespace, name);
    if (!found && !optional) throw new Error(`secret "${name}" not found`);
    return selectKeys(found ? secretBytes(found) : {}, { items, mode, optional });
  }
  if (source.downwardAPI) return downwardFiles(pod, source.downwardAPI.items, { ...deps.fieldsOf(pod), mode });
  if (source.serviceAccountToken) return tokenFile(pod, source.serviceAccountToken, { deps, mode });
  throw new Error(`unsupported source in a projected volume: ${Object.keys(source).join(', ')}`);
}

async function tokenFile(
  pod: Pod,
  projection: ServiceAccountTokenProjection,
  { deps, mode }: Around,
): Promise<Payload> {
  const token = await deps.tokens.token(pod, projection);
  const file: ProjectedFile = { data: Buffer.from(token), mode: mode ?? 0o644 };
  const uid = onlyUser(pod);
  // Readable by the one user of the pod, or by its group; else as the volume says.
  if (pod.spec.securityContext?.fsGroup !== undefined) file.mode = 0o600;
  else if (uid !== undefined) Object.assign(file, { mode: 0o600, uid });
  return new Map([[projection.path, file]]);
}

/** The user that all containers run as, when the spec says so for each of them. */
function onlyUser(pod: Pod): number | undefined {
  const all = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  const users = new Set(all.map((c) => c.securityContext?.runAsUser ?? pod.spec.securityContext?.runAsUser));
  return users.size === 1 ? [...users][0] : undefined;
}
