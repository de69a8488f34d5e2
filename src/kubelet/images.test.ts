import { describe, expect, it } from 'vitest';
import type { ImageService } from '../api/generated/cri.ts';
import type { Pod, Secret } from '../api/generated/types.ts';
import { silentLog } from '../base/log.ts';
import { seededRng } from '../base/rng.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import { FakeCri } from '../cri/fake.ts';
import { type AccessRule, defaultRule } from './image-access/access-rule.ts';
import { FakeRecordFiles } from './image-access/fake-image-access.ts';
import { ImageAccess } from './image-access/image-access.ts';
import { PullRecords } from './image-access/pull-records.ts';
import { Images } from './images.ts';

const closed = 'registry.io/team/app:1';
const open = 'registry.io/team/open:1';
const loaded = 'registry.io/team/loaded:1';

const secretOf = (namespace: string, name: string, password: string): Secret => {
  const config = { auths: { 'registry.io': { username: 'me', password } } };
  return {
    metadata: { namespace, name, uid: `${namespace}-${name}` },
    type: 'kubernetes.io/dockerconfigjson',
    data: { '.dockerconfigjson': Buffer.from(JSON.stringify(config)).toString('base64') },
  };
};

/** A node whose registry wants a password for one image. */
async function world(rule: AccessRule = defaultRule) {
  const clock = new VirtualClock();
  const images = [
    { ref: closed, credentials: ['me:right', 'me:also'], pullMs: 100 },
    { ref: open },
    { ref: loaded, present: true, pullError: 'no such host' },
  ];
  const cri = new FakeCri({ clock, rng: seededRng(1) }, { images });
  const files = { pulling: new FakeRecordFiles(), pulled: new FakeRecordFiles() };
  /** The files of intents during each pull. */
  const pulls: Map<string, string>[] = [];
  const service: ImageService = {
    ...cri.images,
    PullImage: async (request) => {
      pulls.push(new Map(files.pulling.texts));
      return await cri.images.PullImage(request);
    },
  };
  const secrets = new Map<string, Secret>();
  const add = (namespace: string, name: string, password: string) => {
    secrets.set(`${namespace}/${name}`, secretOf(namespace, name, password));
    return name;
  };
  const objects = {
    configMap: async () => undefined,
    secret: async (namespace: string, name: string) => secrets.get(`${namespace}/${name}`),
  };
  const agent = async () => {
    const records = new PullRecords({ clock, files });
    await records.load();
    const access = new ImageAccess({ records, log: silentLog, rule });
    await access.settle(service);
    return new Images({ images: service, clock, objects, access });
  };
  let current = await agent();
  let pods = 0;
  /** What the node says of an image for a new pod: its last event, or why there is none. */
  const use = async (image: string, namespace: string, pullSecrets: string[] = [], pullPolicy = 'IfNotPresent') => {
    const said: string[] = [];
    const pod: Pod = {
      metadata: { name: 'p', namespace, uid: `pod-${++pods}` },
      spec: { containers: [], imagePullSecrets: pullSecrets.map((name) => ({ name })) },
      status: {},
    };
    const say = (_type: string, _reason: string, message: string) => void said.push(message);
    const ensured = current.ensure({ pod, image, pullPolicy, sandboxConfig: {}, say }).then(
      () => said.at(-1) ?? '',
      (error: { reason: string; message: string }) => `${error.reason}: ${error.message}`,
    );
    await clock.advance(200);
    return await ensured;
  };
  return {
    ...{ files, pulls, add, use },
    restart: async () => void (current = await agent()),
  };
}

const isThere = (image: string) =>
  `Container image "${image}" already present on machine and can be accessed by the pod`;
const pulled = (image: string) => expect.stringContaining(`Successfully pulled image "${image}"`);
const denied = expect.stringMatching(/^ErrImagePull: .*access denied/);
const never = (image: string) =>
  `ErrImageNeverPull: Container image "${image}" is not present with pull policy of Never`;

describe('an image that a secret fetched', () => {
  it('is not for pods without it, which are told no more than that it is not there', async () => {
    const { add, use } = await world();
    const right = add('a', 's', 'right');
    const wrong = add('b', 's', 'wrong');
    expect(await use(closed, 'a', [right])).toEqual(pulled(closed));
    expect(await use(closed, 'a', [right])).toBe(isThere(closed));
    expect(await use(closed, 'a', [right], 'Never')).toBe(isThere(closed));
    expect(await use(closed, 'b')).toEqual(denied);
    expect(await use(closed, 'b', [wrong])).toEqual(denied);
    expect(await use(closed, 'b', [], 'Never')).toBe(never(closed));
    expect(await use(closed, 'b', [wrong], 'Never')).toBe(never(closed));
    expect(await use('registry.io/none:1', 'b', [], 'Never')).toBe(never('registry.io/none:1'));
  });

  it('is for pods whose own secret has the same in it, or whose credentials the registry knows', async () => {
    const { add, use, pulls } = await world();
    await use(closed, 'a', [add('a', 's', 'right')]);
    expect(await use(closed, 'b', [add('b', 'copy', 'right')], 'Never')).toBe(isThere(closed));
    expect(pulls).toHaveLength(1);
    const also = add('c', 's', 'also');
    expect(await use(closed, 'c', [also], 'Never')).toBe(never(closed));
    expect(await use(closed, 'c', [also])).toEqual(pulled(closed));
    expect(await use(closed, 'c', [also], 'Never')).toBe(isThere(closed));
    // A secret that was only compared is one that fetched it from then on: what is in it may change.
    expect(await use(closed, 'b', [add('b', 'copy', 'changed')])).toBe(isThere(closed));
    expect(pulls).toHaveLength(2);
  });

  it('is kept for its own by the next agent, too', async () => {
    const { add, use, restart } = await world();
    const right = add('a', 's', 'right');
    await use(closed, 'a', [right]);
    await restart();
    expect(await use(closed, 'b')).toEqual(denied);
    expect(await use(closed, 'a', [right], 'Never')).toBe(isThere(closed));
  });

  it('is for nobody when the agent died before it could write down for whom it came', async () => {
    const { files, pulls, add, use, restart } = await world();
    const right = add('a', 's', 'right');
    await use(closed, 'a', [right]);
    // The image came, and of the files there is what was there in the middle of the pull.
    files.pulled.texts.clear();
    for (const [name, text] of pulls[0] ?? []) files.pulling.texts.set(name, text);
    expect(files.pulling.texts.size).toBe(1);
    await restart();
    expect(files.pulling.texts.size).toBe(0);
    expect(await use(closed, 'b', [], 'Never')).toBe(never(closed));
    expect(await use(closed, 'a', [right], 'Never')).toBe(never(closed));
    expect(await use(closed, 'a', [right])).toEqual(pulled(closed));
  });

  it('is shared by pods that want it at once, each by its own secret', async () => {
    const { add, use, pulls } = await world();
    const names = ['a', 'b'];
    const secrets = names.map((namespace) => add(namespace, 's', 'right'));
    await Promise.all(names.map((namespace, at) => use(closed, namespace, [secrets[at] ?? ''])));
    expect(pulls).toHaveLength(1);
    for (const namespace of names) {
      const changed = add(namespace, 's', 'changed');
      expect(await use(closed, namespace, [changed], 'Never')).toBe(isThere(closed));
    }
  });

  it('does not come without room for the record of its pull', async () => {
    const { files, use, pulls } = await world();
    files.pulling.failure = new Error('no space left on device');
    expect(await use(open, 'a')).toBe(
      `ErrImagePull: Failed to record image pull intent for container image "${open}": no space left on device`,
    );
    expect(pulls).toHaveLength(0);
  });

  it('stays closed when there was no room for the record of the image', async () => {
    const { files, use, restart } = await world();
    files.pulled.failure = new Error('no space left on device');
    expect(await use(open, 'a')).toEqual(pulled(open));
    expect(await use(open, 'a', [], 'Never')).toBe(never(open));
    files.pulled.failure = undefined;
    await restart();
    expect(await use(open, 'a', [], 'Never')).toBe(never(open));
    expect(await use(open, 'a')).toEqual(pulled(open));
    expect(await use(open, 'b', [], 'Never')).toBe(isThere(open));
  });
});

describe('other images of the node', () => {
  it('that the registry gives to everybody are for everybody, whichever secret a pod has', async () => {
    const { add, use, pulls } = await world();
    expect(await use(open, 'a')).toEqual(pulled(open));
    expect(await use(open, 'b', [add('b', 's', 'wrong')], 'Never')).toBe(isThere(open));
    expect(pulls).toHaveLength(1);
  });

  it('that were loaded are for everybody, also while and after a pull of them fails', async () => {
    const { use, restart } = await world();
    expect(await use(loaded, 'a', [], 'Never')).toBe(isThere(loaded));
    expect(await use(loaded, 'a', [], 'Always')).toMatch(/^ErrImagePull: .*no such host/);
    await restart();
    expect(await use(loaded, 'b')).toBe(isThere(loaded));
  });

  it('are for whom the policy says', async () => {
    const always = await world({ policy: 'AlwaysVerify', allowlist: [] });
    expect(await always.use(loaded, 'a', [], 'Never')).toBe(never(loaded));
    const listed = await world({ policy: 'NeverVerifyAllowlistedImages', allowlist: ['registry.io/team/*'] });
    expect(await listed.use(loaded, 'a', [], 'Never')).toBe(isThere(loaded));
    const nothing = await world({ policy: 'NeverVerify', allowlist: [] });
    await nothing.use(closed, 'a', [nothing.add('a', 's', 'right')]);
    expect(await nothing.use(closed, 'b')).toBe(isThere(closed));
  });
});
