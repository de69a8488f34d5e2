import type { Mutant } from './mutant.ts';

const journalTest = 'src/store/lmdb/lmdb-journal.test.ts';
const storeTest = 'src/store/local-store.test.ts';

const watchLaw = 'src/apiserver/verbs/watch-law.test.ts';
const kmsTest = 'src/store/sealing/kms/kms.test.ts';

export const store: Mutant[] = [
  {
    bug: 'what can be read at once overtakes what has to be asked for',
    file: 'src/store/etcd/prepared-turns.ts',
    find: '!asking && !this.#last',
    replace: '!asking',
    test: { file: 'src/store/etcd/prepared-turns.test.ts', name: 'keeps its order while somebody is asked' },
  },
  {
    bug: 'a watch that is stopped twice takes the next one of its sort along',
    file: 'src/store/watchers.ts',
    find: 'if (set?.size === 0) map?.delete(key);',
    replace: 'map?.delete(key);',
    test: { file: 'src/store/watchers.test.ts', name: 'a watch that is stopped twice takes nothing' },
  },
  {
    bug: 'what leaves a selection is told at the version before',
    file: 'src/store/watchers.ts',
    find: 'version: atRevision(previous, version.revision), previous }',
    replace: 'version: previous, previous }',
    test: { file: watchLaw, name: 'with the seed 1' },
  },
  {
    bug: 'what comes into a selection by labels is told as a change when its fields were selected before',
    file: 'src/apiserver/verbs/stored.ts',
    find: "event.type === 'ADDED' && event.previous",
    replace: 'event.type === undefined',
    test: { file: watchLaw, name: 'with the seed 1' },
  },
  {
    bug: 'all writes of a seed have the same key',
    file: 'src/store/sealing/kms/seed.ts',
    find: 'update(info).update(Buffer.of(1))',
    replace: 'update(Buffer.of(1))',
    test: { file: kmsTest, name: 'is made by HKDF of the seed and what stands before the box' },
  },
  {
    bug: 'a new key of the KMS plugin is not noticed',
    file: 'src/store/sealing/kms/kms-provider.ts',
    find: 'keyId !== this.#sealing?.wrapped.keyId',
    replace: '!this.#sealing',
    test: { file: kmsTest, name: 'takes a new seed when the plugin has a new key' },
  },
  {
    bug: 'one of several servers answers without asking whether it knows the newest',
    file: 'src/store/shared-store.ts',
    find: '    if (!this.#asking) return this.#ask();',
    replace: '    if (this.#open >= 0) return Promise.resolve();\n    if (!this.#asking) return this.#ask();',
    test: { file: 'test/chaos/several-servers.test.ts', name: 'a server is cut off from etcd' },
  },
  {
    bug: 'labels of sealed objects are readable',
    file: 'src/store/record.ts',
    find: 'k: version.key, u: version.uid, e: 1 };',
    replace: 'k: version.key, u: version.uid, l: { ...version.labels }, e: 1 };',
    test: { file: 'src/store/sealing/sealing.test.ts', name: 'says nothing of the object, and gives all of it back' },
  },
  {
    bug: 'what was plain stays in the file when it is sealed',
    file: 'src/store/lmdb/lmdb-journal.ts',
    find: '    await rename(join(copy, stateFile), join(this.#folder, stateFile));\n',
    replace: '',
    test: { file: 'src/store/sealing/sealing.test.ts', name: 'nothing plain is left once there is a key' },
  },
  {
    bug: 'the journal acknowledges before it has flushed',
    file: 'src/store/lmdb/lmdb-journal.ts',
    find: 'overlappingSync: false, encoding',
    replace: 'overlappingSync: false, noSync: true, encoding',
    test: { file: 'test/chaos/power-cut.test.ts', name: 'a power cut at any moment' },
  },
  {
    bug: 'writes are acknowledged before the journal has them',
    file: 'src/store/local-store.ts',
    find: '        await this.#journal.append(changes,',
    replace: '        void this.#journal.append(changes,',
    test: { file: storeTest, name: 'shows a write to writers at once and to readers when it is on disk' },
  },
  {
    bug: 'a failed flush is taken for a success',
    file: 'src/store/local-store.ts',
    find: '      this.#failed = true;',
    replace: '      this.#flushing = false;',
    test: { file: storeTest, name: 'acknowledges nothing after a failed flush' },
  },
  {
    bug: 'the journal does not remember how far it was trimmed',
    file: 'src/store/lmdb/lmdb-journal.ts',
    find: "this.#env.meta.put('compacted', trim.compacted)",
    replace: "this.#env.meta.put('compacted', 0)",
    test: { file: journalTest, name: 'forgets what is trimmed' },
  },
  {
    bug: 'the newest revision is forgotten with its object, and given again',
    file: 'src/store/replay.ts',
    find: 'let revision = compacted;',
    replace: 'let revision = 0;',
    test: { file: journalTest, name: 'remembers the newest revision although its object is gone' },
  },
  {
    bug: 'the first event after a version is left out when a watch resumes',
    file: 'src/store/event-ring.ts',
    find: 'revision > revision) high = middle',
    replace: 'revision > revision + 1) high = middle',
    test: { file: storeTest, name: 'resumes a watch after a restart, and refuses' },
  },
  {
    bug: 'a watch from before the window gets what is left of it',
    file: 'src/store/event-ring.ts',
    find: 'if (revision < events.since) return undefined;',
    replace: '',
    test: { file: storeTest, name: 'resumes a watch after a restart, and refuses' },
  },
  {
    bug: 'an object that leaves a selection is not shown as deleted',
    file: 'src/store/watchers.ts',
    find: 'return before ? { type',
    replace: 'return !previous ? { type',
    test: { file: storeTest, name: 'tells watchers with selectors of objects that enter and leave' },
  },
  {
    bug: 'a deletion keeps the revision of the last write',
    file: 'src/store/local-store.ts',
    find: 'const version = atRevision(previous, ++this.#headRevision);',
    replace: 'const version = { ...previous, revision: ++this.#headRevision };',
    test: { file: storeTest, name: 'gives deletions the revision at which they happened' },
  },
  {
    bug: 'the second page of a list shows the present',
    file: 'src/store/replica.ts',
    find: 'if (!older.has(event.version.key)) older.set',
    replace: 'if (older.size < 0) older.set',
    test: { file: storeTest, name: 'lists in pages at one revision' },
  },
];
