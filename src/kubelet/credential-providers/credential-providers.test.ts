import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Pod } from '../../api/generated/types.ts';
import { silentLog } from '../../base/log.ts';
import { VirtualClock } from '../../base/virtual-clock.ts';
import { type Command, runCommand } from '../../host/command.ts';
import { CredentialProviders } from './credential-providers.ts';
import { type InstalledProvider, providersOf, readCredentialProviders } from './provider-config.ts';

const apiVersion = 'credentialprovider.kubelet.k8s.io/v1';
const provider: InstalledProvider = {
  ...{ name: 'p', program: '/providers/p', apiVersion, matchImages: ['*.registry.io'], defaultCacheDuration: 10_000 },
  ...{ args: ['get'], env: [{ name: 'REGION', value: 'eu' }] },
};
const tokenAttributes = {
  ...{ serviceAccountTokenAudience: 'registry', cacheType: 'ServiceAccount' as const, requireServiceAccount: true },
  ...{ requiredServiceAccountAnnotationKeys: ['registry.io/role'], optionalServiceAccountAnnotationKeys: ['more'] },
};
const podOf = (serviceAccountName: string, uid = 'u'): Pod => ({
  metadata: { name: 'p', namespace: 'ns', uid },
  spec: { containers: [], ...(serviceAccountName ? { serviceAccountName } : {}) },
  status: {},
});

/** A provider's program that answers each time with another password. */
function world(config: Partial<InstalledProvider> = {}, response: object = {}) {
  const clock = new VirtualClock();
  const commands: Command[] = [];
  const failure = { exitCode: 0 };
  const opted = { 'registry.io/role': 'reader' };
  const accounts: Record<string, Record<string, string>> = { role: opted, other: opted, plain: {} };
  const providers = new CredentialProviders(
    {
      ...{ clock, log: silentLog },
      run: async (command) => {
        commands.push(command);
        const auth = { 'eu.registry.io': { username: 'me', password: `${commands.length}` } };
        const answer = { kind: 'CredentialProviderResponse', apiVersion, cacheKeyType: 'Registry', auth, ...response };
        return { ...failure, stdout: JSON.stringify(answer), stderr: '' };
      },
      tokens: { token: async ({ metadata }, { audience }) => `${audience}-${metadata.uid}` },
      serviceAccount: async (namespace, name) => ({
        metadata: { namespace, name, uid: `uid-${name}`, annotations: accounts[name] ?? {} },
      }),
    },
    [{ ...provider, ...config }],
  );
  const passwords = async (repository: string, pod = podOf('')) =>
    (await providers.located(repository, pod)).map(({ credential }) => credential.auth.password);
  return { clock, commands, failure, providers, passwords };
}

describe('a program that has credentials', () => {
  it('is told the image, and asked for those only that it is for', async () => {
    const { commands, providers, passwords } = world();
    expect(await passwords('registry.io/app')).toEqual([]);
    expect(commands).toEqual([]);
    expect(await providers.located('eu.registry.io/team/app', podOf('role'))).toEqual([
      { location: 'eu.registry.io', credential: { auth: { username: 'me', password: '1' } } },
    ]);
    expect(commands).toEqual([
      {
        ...{ program: '/providers/p', args: ['get'], env: { REGION: 'eu' }, timeoutMs: 60_000 },
        input: JSON.stringify({ kind: 'CredentialProviderRequest', apiVersion, image: 'eu.registry.io/team/app' }),
      },
    ]);
  });

  it.each([
    ['Image', ['1', '2', '3', '1']],
    ['Registry', ['1', '1', '2', '1']],
    ['Global', ['1', '1', '1', '1']],
  ])('is asked again for what its answer does not hold for: %s', async (cacheKeyType, expected) => {
    const { passwords } = world({}, { cacheKeyType });
    const asked = ['eu.registry.io/a', 'eu.registry.io/b', 'us.registry.io/a', 'eu.registry.io/a'];
    const answers = [];
    for (const repository of asked) answers.push(...(await passwords(repository)));
    expect(answers).toEqual(expected);
  });

  it.each([
    ['as its configuration says', {}, {}, 10_000],
    ['as it says itself', {}, { cacheDuration: '1h0m0s' }, 3_600_000],
    ['not at all when it says so', {}, { cacheDuration: '0s' }, -1],
    ['not at all when nobody says how long', { defaultCacheDuration: 0 }, {}, -1],
  ])('is believed for as long %s', async (_, config, response, forMs) => {
    const { clock, passwords } = world(config, response);
    await passwords('eu.registry.io/a');
    await clock.advance(Math.max(forMs, 0));
    expect(await passwords('eu.registry.io/a')).toEqual([forMs < 0 ? '2' : '1']);
    await clock.advance(1);
    expect(await passwords('eu.registry.io/a')).toEqual([forMs < 0 ? '3' : '2']);
  });

  it('is asked once by pods that want the same at once', async () => {
    const { commands, passwords } = world();
    expect(await Promise.all([passwords('eu.registry.io/a'), passwords('eu.registry.io/a')])).toEqual([['1'], ['1']]);
    expect(commands).toHaveLength(1);
  });

  it.each([
    ['of another version', { apiVersion: `${apiVersion}beta1` }],
    ['of another kind', { kind: 'Status' }],
    ['that holds for nobody knows what', { cacheKeyType: 'Sometimes' }],
    ['that is kept for nobody knows how long', { cacheDuration: 'long' }],
  ])('has nothing with an answer %s', async (_, response) => {
    expect(await world({}, response).passwords('eu.registry.io/a')).toEqual([]);
  });

  it('has nothing when it fails, and is asked again', async () => {
    const { failure, passwords } = world();
    failure.exitCode = 1;
    expect(await passwords('eu.registry.io/a')).toEqual([]);
    failure.exitCode = 0;
    expect(await passwords('eu.registry.io/a')).toEqual(['2']);
  });
});

describe('a program that wants to know for whom', () => {
  const image = 'eu.registry.io/a';

  it('is told the service account, and what it gives is for that one', async () => {
    const { commands, providers } = world({ tokenAttributes });
    const [found] = await providers.located(image, podOf('role', 'u1'));
    expect(found?.credential.source).toEqual({ serviceAccount: { uid: 'uid-role', namespace: 'ns', name: 'role' } });
    expect(JSON.parse(commands[0]?.input ?? '')).toMatchObject({
      serviceAccountToken: 'registry-u1',
      serviceAccountAnnotations: { 'registry.io/role': 'reader' },
    });
    // Another pod of the same one is given what is kept.
    expect(await providers.located(image, podOf('role', 'u2'))).toEqual([found]);
    expect(commands).toHaveLength(1);
    const [ofOther] = await providers.located(image, podOf('other'));
    expect(ofOther?.credential).toMatchObject({
      auth: { password: '2' },
      source: { serviceAccount: { uid: 'uid-other' } },
    });
  });

  it('is not asked for service accounts that do not opt in, or for pods without one', async () => {
    const { commands, passwords } = world({ tokenAttributes });
    for (const name of ['plain', '']) expect(await passwords(image, podOf(name))).toEqual([]);
    expect(commands).toEqual([]);
    const { providers } = world({
      tokenAttributes: { ...tokenAttributes, requireServiceAccount: false, requiredServiceAccountAnnotationKeys: [] },
    });
    expect((await providers.located(image, podOf('')))[0]?.credential).toEqual({
      auth: { username: 'me', password: '1' },
    });
  });

  it('is asked for each token when that is what is kept, and only then may answer with it', async () => {
    const perToken = world({ tokenAttributes: { ...tokenAttributes, cacheType: 'Token' } });
    for (const uid of ['u1', 'u2', 'u1']) await perToken.passwords(image, podOf('role', uid));
    expect(perToken.commands).toHaveLength(2);
    const echo = { auth: { 'eu.registry.io': { username: 'me', password: 'registry-u' } } };
    expect(await world({ tokenAttributes }, echo).passwords(image, podOf('role'))).toEqual([]);
    const allowed = world({ tokenAttributes: { ...tokenAttributes, cacheType: 'Token' } }, echo);
    expect(await allowed.passwords(image, podOf('role'))).toEqual(['registry-u']);
  });
});

describe('the configuration of providers', () => {
  const head = { kind: 'CredentialProviderConfig', apiVersion: 'kubelet.config.k8s.io/v1' };
  const one = { name: 'p', apiVersion, matchImages: ['registry.io'], defaultCacheDuration: '12h' };
  let dir = '';
  afterAll(() => rm(dir, { recursive: true, force: true }));

  it('is read from a folder with the programs, which are run', async () => {
    dir = await mkdtemp(join(tmpdir(), 'providers-'));
    expect(await readCredentialProviders(join(dir, 'none'))).toEqual([]);
    await writeFile(join(dir, 'config.yaml'), JSON.stringify({ ...head, providers: [one] }));
    await expect(readCredentialProviders(dir)).rejects.toThrow(
      `config.yaml: plugin binary executable ${join(dir, 'p')} did not exist`,
    );
    const auth = { 'registry.io': { username: 'me', password: 'p' } };
    const answer = JSON.stringify({ kind: 'CredentialProviderResponse', apiVersion, cacheKeyType: 'Image', auth });
    await writeFile(join(dir, 'p'), `#!/bin/sh\ngrep -q '"image":"registry.io/app"' && echo '${answer}'\n`);
    await chmod(join(dir, 'p'), 0o755);
    const installed = await readCredentialProviders(dir);
    expect(installed).toMatchObject([{ name: 'p', defaultCacheDuration: 43_200_000, program: join(dir, 'p') }]);
    const deps = {
      ...{ clock: new VirtualClock(), log: silentLog, run: runCommand },
      tokens: { token: async () => '' },
      serviceAccount: async () => ({ metadata: { name: '' } }),
    };
    const providers = new CredentialProviders(deps, installed);
    expect(await providers.located('registry.io/app', podOf(''))).toEqual([
      { location: 'registry.io', credential: { auth: auth['registry.io'] } },
    ]);
    expect(await providers.located('registry.io/other', podOf(''))).toEqual([]);
  });

  it.each([
    [{ name: 'a/b' }, `providers.name: Invalid value: "a/b": provider name cannot contain '/'`],
    [{ name: '..' }, `providers.name: Invalid value: "..": provider name cannot be '..'`],
    [{ apiVersion: 'v1' }, `providers.apiVersion: Unsupported value: "v1": supported values: "${apiVersion}", `],
    [{ matchImages: [] }, 'providers.matchImages: Required value: at least 1 item in matchImages is required'],
    [{ defaultCacheDuration: undefined }, 'providers.defaultCacheDuration: Required value'],
    [{ defaultCacheDuration: '-1s' }, 'providers.defaultCacheDuration: Invalid value: "-1s"'],
    [
      { tokenAttributes: { ...tokenAttributes, cacheType: undefined } },
      'cacheType is required to be set when tokenAttributes is specified. Supported values are: ServiceAccount, Token',
    ],
    [
      { tokenAttributes: { ...tokenAttributes, cacheType: 'Pod' } },
      'providers.tokenAttributes.cacheType: Unsupported value: "Pod": supported values: "ServiceAccount", "Token"',
    ],
    [
      { tokenAttributes, apiVersion: `${apiVersion}beta1` },
      `providers.tokenAttributes: Forbidden: tokenAttributes is only supported for ${apiVersion} API version`,
    ],
    [
      { tokenAttributes: { ...tokenAttributes, requireServiceAccount: false } },
      'requireServiceAccount cannot be false when requiredServiceAccountAnnotationKeys is set',
    ],
    [
      { tokenAttributes: { ...tokenAttributes, optionalServiceAccountAnnotationKeys: ['registry.io/role'] } },
      'providers.tokenAttributes: Invalid value: ["registry.io/role"]: annotation keys cannot be both required and optional',
    ],
  ])('with %j is refused', (more, words) => {
    const document = { ...head, providers: [{ ...one, ...more }] } as Parameters<typeof providersOf>[0];
    expect(() => providersOf(document)).toThrow(words);
  });

  it('names each provider once, and is a configuration of providers', () => {
    expect(() => providersOf({ ...head, providers: [one, one] })).toThrow('providers.name: Duplicate value: "p"');
    expect(() => providersOf({ ...head, providers: [] })).toThrow('providers: Required value');
    expect(() => providersOf({ kind: 'Pod' })).toThrow('it must be a CredentialProviderConfig');
    expect(providersOf({ ...head, providers: [{ ...one, tokenAttributes }] })).toHaveLength(1);
  });
});
