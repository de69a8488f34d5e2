import { csidrivers, persistentvolumeclaims, persistentvolumes, pods } from '../../api/generated/resources.ts';
import type { Pod, TokenRequest } from '../../api/generated/types.ts';
import { csiSourceOf } from '../../api/storage/in-tree.ts';
import { claimNamesOf } from '../../placement/volumes/claim-names.ts';
import type { NodeRule } from './node-restriction.ts';
import { type AdmissionContext, refused } from './plugin.ts';

const quoted = JSON.stringify;

/** Tokens: only bound to a pod of the node's own, as it is now, and for whom the pod's volumes name (KEP-4412). */
export const restrictToken: NodeRule = async (node, context) => {
  const request = context.object as TokenRequest | undefined;
  const pod = boundPod(node, context, request);
  const audiences = request?.spec?.audiences ?? [];
  if (audiences.length > 1) throw refused(context, 'node may only request 0 or 1 audiences');
  const [audience = ''] = audiences;
  if (isNamed(context, pod, audience)) return;
  const { authorizer, user, namespace, name } = context;
  const verb = 'request-serviceaccounts-token-audience';
  const attributes = { verb, group: '', version: 'v1', resource: audience, namespace, name };
  if (audience !== '' && (await authorizer.authorize(user, attributes)).allowed) return;
  const why = `${user.name} is not authorized to request tokens for this audience`;
  throw refused(context, `audience ${quoted(audience)} not found in pod spec volume, ${why}`);
};

function boundPod(node: string, context: AdmissionContext, request: TokenRequest | undefined): Pod {
  const ref = request?.spec?.boundObjectRef;
  const isPod = ref?.apiVersion === 'v1' && ref.kind === 'Pod' && ref.name;
  if (!isPod) throw refused(context, 'node requested token not bound to a pod');
  if (!ref.uid) throw refused(context, 'node requested token with a pod binding without a uid');
  const pod = context.read.get(pods, context.namespace, ref.name ?? '');
  if (!pod) throw refused(context, `pod ${quoted(ref.name)} not found`);
  if (pod.metadata.uid !== ref.uid) {
    throw refused(
      context,
      `the UID in the bound object reference (${ref.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  }
  if (pod.spec.nodeName !== node)
    throw refused(context, 'node requested token bound to a pod scheduled on a different node');
  return pod;
}

/** By a projected token, or by the driver of one of its volumes. */
function isNamed(context: AdmissionContext, pod: Pod, audience: string): boolean {
  const volumes = pod.spec.volumes ?? [];
  const tokens = volumes.flatMap(({ projected }) =>
    (projected?.sources ?? []).flatMap((source) => source?.serviceAccountToken ?? []),
  );
  if (tokens.some((token) => (token.audience ?? '') === audience)) return true;
  return driversOf(context, pod).some((name) =>
    context.read.get(csidrivers, '', name)?.spec.tokenRequests?.some(({ audience: wanted }) => wanted === audience),
  );
}

/** CSI drivers of a pod's own volumes, and of those behind its claims. */
function driversOf({ read, namespace }: AdmissionContext, pod: Pod): string[] {
  const own = (pod.spec.volumes ?? []).flatMap(({ csi }) => (csi ? [csi.driver] : []));
  const claimed = claimNamesOf(pod).flatMap((name) => {
    const claim = read.get(persistentvolumeclaims, namespace, name);
    const volume = read.get(persistentvolumes, '', claim?.spec.volumeName ?? '');
    return (volume && csiSourceOf(volume)?.driver) ?? [];
  });
  return [...own, ...claimed];
}
