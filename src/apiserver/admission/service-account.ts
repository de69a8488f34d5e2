import { serviceaccounts } from '../../api/generated/resources.ts';
import type { Pod, ServiceAccount, Volume } from '../../api/generated/types.ts';
import { randomSuffix } from '../../base/rng.ts';
import { isMirrorPod } from './mirror-pod.ts';
import { type AdmissionContext, definePlugin, refused } from './plugin.ts';

const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount';
const volumePrefix = 'kube-api-access-';
/** One hour and seven seconds: by this number the server knows that the token was not asked for by a person. */
const expirationSeconds = 3607;

/** Every pod runs as a service account of its namespace and finds its token, the CA and the namespace in a volume. */
export const serviceAccount = definePlugin<Pod>({
  name: 'ServiceAccount',
  verbs: ['create'],
  resources: ['pods'],
  admit(context) {
    const pod = context.object as Pod;
    if (isMirrorPod(pod)) return checkMirrorPod(context, pod);
    const name = pod.spec.serviceAccountName || pod.spec.serviceAccount || 'default';
    pod.spec.serviceAccountName = name;
    // The field's old name still stands beside it.
    pod.spec.serviceAccount = name;
    const account = context.read.get(serviceaccounts, context.namespace, name);
    if (!account) {
      const missing = `serviceaccount ${JSON.stringify(name)} not found`;
      throw refused(context, `error looking up service account ${context.namespace}/${name}: ${missing}`);
    }
    if (wantsToken(pod, account)) mountToken(context, pod);
    if (!pod.spec.imagePullSecrets?.length && account.imagePullSecrets?.length) {
      pod.spec.imagePullSecrets = account.imagePullSecrets.map((secret) => ({ ...secret }));
    }
  },
});

const wantsToken = (pod: Pod, account: ServiceAccount): boolean =>
  pod.spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true;

function checkMirrorPod(context: AdmissionContext, pod: Pod): void {
  if (pod.spec.serviceAccountName) throw refused(context, 'a mirror pod may not reference service accounts');
  const projects = (volume: Volume) => volume.projected?.sources?.some((source) => source.serviceAccountToken);
  if (pod.spec.volumes?.some(projects)) {
    throw refused(context, 'a mirror pod may not use ServiceAccountToken volume projections');
  }
}

function mountToken(context: AdmissionContext, pod: Pod): void {
  const existing = pod.spec.volumes?.find((volume) => volume.name.startsWith(volumePrefix));
  const name = existing?.name ?? volumePrefix + randomSuffix(context.rng);
  let mounted = false;
  for (const container of [...(pod.spec.initContainers ?? []), ...(pod.spec.containers ?? [])]) {
    if (container.volumeMounts?.some((mount) => mount.mountPath === mountPath)) continue;
    container.volumeMounts = [...(container.volumeMounts ?? []), { name, readOnly: true, mountPath }];
    mounted = true;
  }
  if (mounted && !existing) pod.spec.volumes = [...(pod.spec.volumes ?? []), tokenVolume(name)];
}

const tokenVolume = (name: string): Volume => ({
  name,
  projected: {
    sources: [
      { serviceAccountToken: { expirationSeconds, path: 'token' } },
      { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
      {
        downwardAPI: {
          items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
        },
      },
    ],
    defaultMode: 0o644,
  },
});
