import { expect, it } from 'vitest';
import { configmaps, secrets } from '../../../src/api/generated/resources.ts';
import { joinTokenSecret } from '../../../src/pki/join-token.ts';
import { Plane } from './plane.ts';

const clusterInfo = { namespace: 'kube-public', name: 'cluster-info' };

it('tokens for joining sign the public facts of the cluster as long as they are there, also across a restart', async () => {
  const plane = await Plane.start({ only: ['bootstraptoken.signer', 'bootstraptoken.cleanup'] });
  const signed = async () => Object.keys((await plane.admin.get(configmaps, clusterInfo)).data ?? {}).sort();
  expect(await signed()).toEqual(['kubeconfig']);
  const lasting = { id: 'abcdef', secret: '0123456789abcdef' };
  const short = { id: 'ghijkl', secret: '0123456789abcdef' };
  await plane.admin.create(secrets, joinTokenSecret(lasting));
  await plane.admin.create(secrets, joinTokenSecret(short, { expiresAtMs: plane.cluster.now.getTime() + 60_000 }));
  await plane.settle();
  expect(await signed()).toEqual(['jws-kubeconfig-abcdef', 'jws-kubeconfig-ghijkl', 'kubeconfig']);
  expect(await plane.writesOfRestart([configmaps, secrets])).toEqual([]);
  // The server writes the facts, and leaves what others add.
  const { resourceVersion } = (await plane.admin.get(configmaps, clusterInfo)).metadata;
  await plane.cluster.restart('apiserver');
  await plane.settle();
  expect((await plane.admin.get(configmaps, clusterInfo)).metadata.resourceVersion).toBe(resourceVersion);
  await plane.settle(60_000);
  expect(await signed()).toEqual(['jws-kubeconfig-abcdef', 'kubeconfig']);
  await plane.admin.delete(secrets, { namespace: 'kube-system', name: 'bootstrap-token-abcdef' });
  await plane.settle();
  expect(await signed()).toEqual(['kubeconfig']);
  expect(plane.warnings).toEqual([]);
  await plane.stop();
});
