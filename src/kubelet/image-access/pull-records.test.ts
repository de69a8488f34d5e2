import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { realClock } from '../../base/clock.ts';
import { VirtualClock } from '../../base/virtual-clock.ts';
import { FakeRecordFiles } from './fake-image-access.ts';
import { PullRecords } from './pull-records.ts';
import { type PullCredentials, withPull } from './pulled-record.ts';
import { recordFiles } from './record-files.ts';

const image = 'registry.io/app:1';
const everybody = { nodePodsAccessible: true };
const recordOf = (known: ReturnType<PullRecords['known']>) => known.record?.credentialMapping;

/** Agents of one node, one after another; `there` is what its runtime has, by name. */
function node() {
  const clock = new VirtualClock();
  let files = { pulling: new FakeRecordFiles(), pulled: new FakeRecordFiles() };
  const there = new Map<string, string>();
  const images = {
    ImageStatus: async ({ image: asked }: { image?: { image?: string } }) => {
      const id = there.get(asked?.image ?? '');
      return id ? { image: { id } } : {};
    },
  };
  const next = async () => {
    // What the one before still does changes nothing here.
    const { pulling, pulled } = files;
    files = { pulling: new FakeRecordFiles(pulling.texts), pulled: new FakeRecordFiles(pulled.texts) };
    const records = new PullRecords({ clock, files });
    await records.load();
    await records.settle(images, { isLate: false });
    return records;
  };
  return { clock, there, images, next, files: () => files };
}

describe('an agent that dies', () => {
  it('before a pull has begun leaves nothing', async () => {
    const { next } = node();
    await next();
    expect((await next()).known(image, 'id')).toEqual({ record: undefined, isBeingPulled: false });
  });

  it('while an image is pulled leaves the intent, also for an image that comes later', async () => {
    const { there, images, next, files } = node();
    await (await next()).begin(image);
    const second = await next();
    expect(second.known(image, 'id')).toEqual({ record: undefined, isBeingPulled: true });
    there.set(image, 'id');
    const third = await next();
    expect(third.known(image, 'id').isBeingPulled).toBe(false);
    expect(recordOf(third.known(image, 'id'))).toEqual({});
    expect(files().pulling.texts.size).toBe(0);
    // It still is not known for whom.
    await third.settle(images, { isLate: true });
    expect(recordOf((await next()).known(image, 'id'))).toEqual({});
  });

  it('while an image is pulled that never comes is forgotten in the end', async () => {
    const { images, next, files } = node();
    await (await next()).begin(image);
    const second = await next();
    await second.settle(images, { isLate: true });
    expect(second.known(image, 'id').isBeingPulled).toBe(false);
    expect(files().pulling.texts.size).toBe(0);
  });

  it('after the record and before the end of the intent leaves the record as it is', async () => {
    const { there, next, files } = node();
    const first = await next();
    await first.begin(image);
    there.set(image, 'id');
    await first.write(image, { imageRef: 'id', shown: everybody });
    const second = await next();
    expect(second.known(image, 'id')).toMatchObject({ isBeingPulled: false });
    expect(recordOf(second.known(image, 'id'))).toEqual({ 'registry.io/app': everybody });
    expect(files().pulling.texts.size).toBe(0);
  });

  it('while it pulls what was preloaded leaves it preloaded, unless another image has come', async () => {
    const { there, images, next } = node();
    there.set(image, 'loaded');
    const first = await next();
    await first.begin(image, 'loaded');
    expect(first.known(image, 'loaded').isBeingPulled).toBe(false);
    expect(first.known(image, 'other').isBeingPulled).toBe(true);
    const second = await next();
    expect(second.known(image, 'loaded')).toEqual({ record: undefined, isBeingPulled: false });
    there.set(image, 'other');
    await second.settle(images, { isLate: true });
    expect(second.known(image, 'loaded').record).toBeUndefined();
    expect(recordOf(second.known(image, 'other'))).toEqual({});
  });
});

describe('records of pulls', () => {
  it('an intent stands until the last of its pulls has ended', async () => {
    const { next } = node();
    const records = await next();
    await Promise.all([records.begin(image), records.begin(image)]);
    await records.end(image);
    expect(records.known(image, 'id').isBeingPulled).toBe(true);
    await records.end(image);
    expect(records.known(image, 'id').isBeingPulled).toBe(false);
  });

  it('an intent stays when there was no room for the record of one of its pulls', async () => {
    const { there, images, next } = node();
    const records = await next();
    await Promise.all([records.begin(image), records.begin(image)]);
    await records.end(image, { keepIntent: true });
    await records.end(image);
    expect(records.known(image, 'id').isBeingPulled).toBe(true);
    there.set(image, 'id');
    await records.settle(images, { isLate: true });
    expect(records.known(image, 'id').isBeingPulled).toBe(false);
    expect(recordOf(records.known(image, 'id'))).toEqual({});
  });

  it('that cannot be read keep the image closed', async () => {
    const { next, files } = node();
    await (await next()).write(image, { imageRef: 'id', shown: everybody });
    for (const name of files().pulled.texts.keys()) files().pulled.texts.set(name, '{"kind":');
    const records = await next();
    expect(recordOf(records.known(image, 'id'))).toEqual({});
    await records.write(image, { imageRef: 'id', shown: everybody });
    expect(recordOf((await next()).known(image, 'id'))).toEqual({ 'registry.io/app': everybody });
  });

  it('go with their images, but not those of images that came after the list was made', async () => {
    const { clock, next } = node();
    const records = await next();
    await records.write(image, { imageRef: 'gone', shown: everybody });
    await records.write(image, { imageRef: 'stays', shown: everybody });
    await clock.advance(1000);
    const listedMs = clock.now();
    await records.write(image, { imageRef: 'new', shown: everybody });
    await records.keepOnly(['stays'], listedMs);
    const has = (of: PullRecords) => ['gone', 'stays', 'new'].filter((id) => of.known(image, id).record);
    expect(has(records)).toEqual(['stays', 'new']);
    expect(has(await next())).toEqual(['stays', 'new']);
  });

  it('gather credentials by repository, until everybody may use the image', () => {
    const secret = (name: string, credentialHash: string) => ({
      kubernetesSecrets: [{ uid: `u-${name}`, namespace: 'ns', name, credentialHash }],
    });
    const add = (record: ReturnType<typeof withPull>, shown?: PullCredentials) =>
      withPull(record, { imageRef: 'id', repository: 'r/a', shown }, 0);
    const first = add(undefined, secret('b', '1'));
    expect(add(first, secret('b', '1'))).toBeUndefined();
    expect(add(first)).toBeUndefined();
    const two = add(first, secret('a', '2'));
    expect(two?.credentialMapping['r/a']?.kubernetesSecrets?.map(({ name }) => name)).toEqual(['a', 'b']);
    const changed = add(two, secret('b', '3'));
    expect(changed?.credentialMapping['r/a']?.kubernetesSecrets).toMatchObject([
      { name: 'a', credentialHash: '2' },
      { name: 'b', credentialHash: '3' },
    ]);
    const account = { uid: 'a', namespace: 'ns', name: 'default' };
    expect(add(changed, { kubernetesServiceAccounts: [account] })?.credentialMapping['r/a']).toMatchObject({
      kubernetesSecrets: [{ name: 'a' }, { name: 'b' }],
      kubernetesServiceAccounts: [account],
    });
    const open = add(changed, everybody);
    expect(open?.credentialMapping['r/a']).toEqual(everybody);
    expect(add(open, secret('b', '4'))).toBeUndefined();
    expect(withPull(open, { imageRef: 'id', repository: 'r/b', shown: secret('c', '1') }, 0)).toMatchObject({
      credentialMapping: { 'r/a': everybody, 'r/b': secret('c', '1') },
    });
  });
});

describe('files of records', () => {
  let dir = '';
  afterAll(() => rm(dir, { recursive: true, force: true }));

  it('are found again, without what a crash left half written', async () => {
    dir = await mkdtemp(join(tmpdir(), 'pull-records-'));
    const files = { pulling: recordFiles(join(dir, 'pulling')), pulled: recordFiles(join(dir, 'pulled')) };
    const records = new PullRecords({ clock: realClock, files });
    await records.load();
    await records.begin(image);
    await records.write(image, { imageRef: 'sha256:1', shown: everybody });
    const [name = ''] = await readdir(join(dir, 'pulled'));
    expect(name).toMatch(/^sha256-[0-9a-f]{64}$/);
    await writeFile(join(dir, 'pulled', `${name}.next`), '{');
    const again = new PullRecords({ clock: realClock, files });
    await again.load();
    expect(again.known(image, 'sha256:1').isBeingPulled).toBe(true);
    expect(recordOf(again.known(image, 'sha256:1'))).toEqual({ 'registry.io/app': everybody });
    await again.end(image);
    expect(await readdir(join(dir, 'pulling'))).toEqual([]);
  });
});
