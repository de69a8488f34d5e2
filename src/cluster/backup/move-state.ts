import { type KubeObject, keyOf, keyText } from '../../api/resource.ts';
import { LmdbJournal } from '../../store/lmdb/lmdb-journal.ts';
import { LocalStore } from '../../store/local-store.ts';
import type { Write } from '../../store/store.ts';
import { toBytes, type Version } from '../../store/version.ts';
import { addressedResources, readdressed, type Translate } from './readdress.ts';

/**
 * Gives the objects of a state folder that nobody has open the addresses of other networks: ordinary writes, at new revisions.
 * Resolves with how many were changed.
 */
export async function moveState(folder: string, translate: Translate): Promise<number> {
  let fail = (_error: unknown) => {};
  const failure = new Promise<never>((_, reject) => {
    fail = reject;
  });
  failure.catch(() => {});
  const store = await LocalStore.open(new LmdbJournal(folder), { onFatal: fail });
  const writes = addressedResources.flatMap((resource) =>
    [...store.all(resource)].flatMap((version) => moved(version, translate)),
  );
  // A commit that the disk refuses never settles.
  await Promise.race([store.commit(writes), failure]);
  await store.close();
  return writes.length;
}

function moved(version: Version, translate: Translate): Write[] {
  const { resource, key, uid, labels } = version;
  const object = readdressed(resource, JSON.parse(version.bytes.toString('utf8')) as KubeObject, translate);
  if (!object) return [];
  const movedKey = keyText(keyOf(object));
  const fields =
    version.fields &&
    Object.fromEntries(Object.entries(version.fields).map(([name, value]) => [name, translate(value)]));
  const encode = (revision: number) => {
    object.metadata.resourceVersion = String(revision);
    return { uid, labels, fields, bytes: toBytes(JSON.stringify(object)) };
  };
  const put: Write = { put: { resource, key: movedKey, encode } };
  return movedKey === key ? [put] : [{ remove: { resource, key } }, put];
}
