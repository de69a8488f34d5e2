import type { Mutant } from './mutant.ts';

const rolloutTest = 'src/controllers/deployment/rollout.test.ts';
const replicasTest = 'src/controllers/replicaset/replicas.test.ts';
const garbageTest = 'src/controllers/garbage/collection.test.ts';

export const controllers: Mutant[] = [
  {
    bug: 'pods leave their nodes where no node is heard of any more',
    file: 'src/controllers/node/disruption-zones.ts',
    find: 'if (!zone || this.#isAllLost) return false;',
    replace: 'if (!zone) return false;',
    test: { file: 'src/controllers/node/node.test.ts', name: 'gives no node up where all are lost' },
  },
  {
    bug: 'a rollout takes more pods away than it may',
    file: 'src/controllers/deployment/rolling.ts',
    find: 'replicasOf(r.deployment) - maxUnavailable(r.deployment);',
    replace: '0;',
    test: { file: rolloutTest, name: 'rolls within its limits' },
  },
  {
    bug: 'the dearest pods are deleted first',
    file: 'src/controllers/deletion-rank.ts',
    find: 'if (x !== y) return x < y ? -1 : 1;',
    replace: 'if (x !== y) return x < y ? 1 : -1;',
    test: { file: replicasTest, name: 'deletes the pods that are missed least' },
  },
  {
    bug: 'pods that have failed count',
    file: 'src/controllers/replicaset/replicas.ts',
    find: 'const active = claimed.filter(isPodActive);',
    replace: 'const active = claimed;',
    test: { file: replicasTest, name: 'replaces a pod that is deleted or has failed' },
  },
  {
    bug: 'what has an owner left is collected with it',
    file: 'src/controllers/garbage/collection.ts',
    find: 'if (gone.length < ownerReferences.length)',
    replace: 'if (gone.length < 0)',
    test: { file: garbageTest, name: 'only forgets the owners that are gone' },
  },
  {
    bug: 'an owner that the cache has not seen yet counts as gone',
    file: 'src/controllers/garbage/collection.ts',
    find: 'await live(client, informer.resource, keyText(key));',
    replace: 'undefined;',
    test: { file: garbageTest, name: 'but not one whose owner is only new' },
  },
  {
    bug: 'an owner goes before the dependents that block it',
    file: 'src/controllers/garbage/collection.ts',
    find: 'r.uid === uid && r.blockOwnerDeletion) === true;',
    replace: 'r.uid === uid && r.blockOwnerDeletion) === undefined;',
    test: { file: garbageTest, name: 'foreground: the owner waits' },
  },
  {
    bug: 'those that own each other in a circle wait for ever',
    file: 'src/controllers/garbage/collection.ts',
    find: 'isCircle ? await unblockOwners(item) : item.object',
    replace: 'item.object',
    test: { file: garbageTest, name: 'nobody waits for ever in a circle' },
  },
  {
    bug: 'a namespace takes along what its pods still read',
    file: 'src/controllers/namespace/deletion.ts',
    find: 'if (isPods(resource) && (remains',
    replace: 'if (content.length === 0 && (remains',
    test: { file: 'src/controllers/namespace/namespace.test.ts', name: 'lets pods go first' },
  },
  {
    bug: 'two services of one wish get one address',
    file: 'src/controllers/service/address-plan.ts',
    find: 'else if (holder) plan.set(key',
    replace: "else if (holder === '') plan.set(key",
    test: { file: 'src/controllers/service/address-plan.test.ts', name: 'refuses what is taken' },
  },
  {
    bug: 'pods leave devices that only take no new ones',
    file: 'src/controllers/resourceclaim/device-taints.ts',
    find: "effect === 'NoExecute'",
    replace: "effect !== 'None'",
    test: { file: 'src/controllers/resourceclaim/device-taints.test.ts', name: 'goes at once for a NoExecute taint' },
  },
  {
    bug: 'a token for joining signs after its end',
    file: 'src/controllers/bootstraptoken/signatures.ts',
    find: 'signs && ends > nowMs',
    replace: 'signs && ends > 0',
    test: { file: 'src/controllers/bootstraptoken/signatures.test.ts', name: 'takes signatures away' },
  },
];
