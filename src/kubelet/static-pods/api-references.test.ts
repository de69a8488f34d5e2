import { describe, expect, it } from 'vitest';
import type { Container, EnvVarSource, PodSpec, Volume, VolumeProjection } from '../../api/generated/types.ts';
import { apiReferenceOf } from './api-references.ts';

const referenceOf = (spec: Partial<PodSpec>) =>
  apiReferenceOf({ metadata: { name: 'p' }, spec: { containers: [{ name: 'c' }], ...spec }, status: {} });
const volume = (source: Omit<Volume, 'name'>): Partial<PodSpec> => ({ volumes: [{ name: 'v', ...source }] });
const projected = (...sources: VolumeProjection[]) => volume({ projected: { sources } });
const container = (more: Partial<Container>): Partial<PodSpec> => ({ containers: [{ name: 'c', ...more }] });
const variable = (valueFrom: EnvVarSource) => [{ name: 'A', valueFrom }];
const downwardAPI = { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] };
const key = { name: 'x', key: 'k' };

describe('what a pod names in the API', () => {
  it.each<[string, Partial<PodSpec>]>([
    ['nothing', {}],
    ['a folder of its own', volume({ emptyDir: {} })],
    ['a folder of the node', volume({ hostPath: { path: '/' } })],
    ['an image', volume({ image: { reference: 'i:1' } })],
    ['itself', volume({ downwardAPI })],
    ['itself among other things', projected({ downwardAPI })],
    ['itself as variables', container({ env: variable({ fieldRef: { fieldPath: 'metadata.name' } }) })],
    ['a file of a volume', container({ env: variable({ fileKeyRef: { volumeName: 'v', path: 'p', key: 'k' } }) })],
    ['a secret without a name', { imagePullSecrets: [{}] }],
  ])('is nothing: %s', (_, spec) => expect(referenceOf(spec)).toBeUndefined());

  it.each<[string, Partial<PodSpec>]>([
    ['serviceaccounts', { serviceAccountName: 'x' }],
    ['serviceaccounts', { serviceAccount: 'x' }],
    ['secrets', { imagePullSecrets: [{ name: 'x' }] }],
    ['secrets', container({ env: variable({ secretKeyRef: key }) })],
    ['secrets', container({ envFrom: [{ secretRef: { name: 'x' } }] })],
    ['secrets', { initContainers: [{ name: 'i', env: variable({ secretKeyRef: key }) }] }],
    ['secrets', volume({ secret: { secretName: 'x' } })],
    ['secrets', projected({ downwardAPI }, { secret: { name: 'x' } })],
    ['secrets', volume({ azureFile: { secretName: 'x', shareName: 'y' } })],
    ['secrets', volume({ rbd: { image: 'x', monitors: ['y'], secretRef: { name: 'x' } } })],
    ['secrets', volume({ csi: { driver: 'x', nodePublishSecretRef: { name: 'y' } } })],
    ['secrets (via secret volumes)', volume({ secret: {} })],
    ['configmaps', container({ env: variable({ configMapKeyRef: key }) })],
    ['configmaps', container({ envFrom: [{ configMapRef: { name: 'x' } }] })],
    ['configmaps', volume({ configMap: { name: 'x' } })],
    ['configmaps', projected({ configMap: { name: 'x' } })],
    ['resourceclaims', { resourceClaims: [{ name: 'x', resourceClaimName: 'y' }] }],
    ['csidrivers (via CSI volumes)', volume({ csi: { driver: 'x' } })],
    ['endpoints (via glusterFS volumes)', volume({ glusterfs: { endpoints: 'x', path: '/' } })],
    ['persistentvolumeclaims', volume({ persistentVolumeClaim: { claimName: 'x' } })],
    ['persistentvolumeclaims (via ephemeral volumes)', volume({ ephemeral: {} })],
    ['serviceaccounts (via projected volumes)', projected({ serviceAccountToken: { path: 't' } })],
    ['clustertrustbundles', projected({ downwardAPI }, { clusterTrustBundle: { name: 'x', path: 'b' } })],
    ['podcertificates', projected({ podCertificate: { signerName: 'x', keyType: 'ED25519' } })],
  ])('is %s: %o', (resource, spec) => expect(referenceOf(spec)).toBe(resource));

  it('is told of secrets before volumes', () => {
    const claim = { name: 'w', persistentVolumeClaim: { claimName: 'x' } };
    expect(referenceOf({ volumes: [claim, { name: 'v', secret: { secretName: 'x' } }] })).toBe('secrets');
  });
});
