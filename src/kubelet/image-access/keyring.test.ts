import { describe, expect, it } from 'vitest';
import type { Secret } from '../../api/generated/types.ts';
import { repositoryOf } from './image-name.ts';
import { credentialsFor, locatedIn, matchesImage } from './keyring.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');
const secret = (name: string, auths: object, type = 'kubernetes.io/dockerconfigjson'): Secret => ({
  metadata: { name, namespace: 'ns', uid: `uid-${name}` },
  type,
  data: type.endsWith('json')
    ? { '.dockerconfigjson': base64(JSON.stringify({ auths })) }
    : { '.dockercfg': base64(JSON.stringify(auths)) },
});
const user = (name: string) => ({ username: name, password: 'p' });

describe("an image's repository", () => {
  it.each([
    ['busybox', 'docker.io/library/busybox'],
    ['busybox:1', 'docker.io/library/busybox'],
    ['team/app@sha256:00', 'docker.io/team/app'],
    ['docker.io/busybox', 'docker.io/library/busybox'],
    ['index.docker.io/team/app:1', 'docker.io/team/app'],
    ['localhost/app:1', 'localhost/app'],
    ['localhost:5000/app', 'localhost:5000/app'],
    ['registry.io:5000/team/app:1@sha256:00', 'registry.io:5000/team/app'],
  ])('of %s is %s', (image, repository) => expect(repositoryOf(image)).toBe(repository));
});

describe('the credentials for an image', () => {
  const namesFor = (image: string, ...secrets: Secret[]) =>
    credentialsFor(image, secrets.flatMap(locatedIn)).map(({ auth }) => auth.username);

  it('are those of its registry, the ones for the longer path first', () => {
    const all = secret('s', {
      'registry.io': user('host'),
      'https://registry.io/v2/team': user('team'),
      'registry.io/other': user('other'),
      'registry.io:5000': user('port'),
      '*.io': user('wild'),
      '*.registry.io': user('deeper'),
    });
    expect(namesFor('registry.io/team/app:1', all)).toEqual(['team', 'host', 'wild']);
    expect(namesFor('registry.io:5000/app', all)).toEqual(['port']);
    expect(namesFor('eu.registry.io/app', all)).toEqual(['deeper']);
    expect(namesFor('busybox', all)).toEqual(['wild']);
    expect(namesFor('registry.example.com/app', all)).toEqual([]);
  });

  it('are known by what docker writes for its own registry', () => {
    const hub = secret('s', { 'https://index.docker.io/v1/': user('hub') });
    for (const image of ['busybox', 'docker.io/team/app:1']) expect(namesFor(image, hub)).toEqual(['hub']);
    expect(namesFor('busybox', hub, secret('t', { 'docker.io': user('named') }))).toEqual(['named']);
  });

  it('name the secret that they are from, of either form', () => {
    const old = secret('old', { 'registry.io': { auth: base64('me:a:b') } }, 'kubernetes.io/dockercfg');
    const secretOf = (name: string) => ({ secret: { uid: `uid-${name}`, namespace: 'ns', name } });
    const both = [old, secret('new', { 'registry.io': user('me') })].flatMap(locatedIn);
    expect(credentialsFor('registry.io/app', both)).toEqual([
      { auth: { username: 'me', password: 'a:b' }, source: secretOf('old') },
      { auth: { username: 'me', password: 'p' }, source: secretOf('new') },
    ]);
    expect(namesFor('registry.io/app', { ...old, type: 'Opaque' })).toEqual([]);
    const broken = { ...old, data: { '.dockercfg': base64('{') } };
    expect(() => namesFor('registry.io/app', broken)).toThrow('secret "old" is not a docker configuration');
  });
});

it.each([
  ['*.dkr.ecr.*.amazonaws.com', '123.dkr.ecr.eu-1.amazonaws.com/app', true],
  ['gcr*.io', 'gcr-eu.io/app', true],
  ['*', 'registry.io/app', false],
  ['registry.io', 'registryxio/app', false],
  ['registry.io/te', 'registry.io/team/app', true],
  ['registry.io:80', 'registry.io/app', false],
])('the pattern %s and %s: %s', (pattern, repository, matches) =>
  expect(matchesImage(pattern, repository)).toBe(matches),
);
