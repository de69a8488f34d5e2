import { describe, expect, it } from 'vitest';
import { type AccessRule, matchOf, shownBy, standingOf, verificationPolicies } from './access-rule.ts';
import { type Credential, credentialHash } from './keyring.ts';
import type { PullCredentials, PulledRecord } from './pulled-record.ts';

const image = 'registry.io/team/app:1';
const repository = 'registry.io/team/app';
const coordinates = { uid: 'u', namespace: 'ns', name: 's' };
const auth = { username: 'me', password: 'secret' };
const other = { username: 'me', password: 'changed' };
const ofSecret = (more: object = {}, shown = auth): Credential => ({
  auth: shown,
  source: { secret: { ...coordinates, ...more } },
});
const ofAccount = (uid: string): Credential => ({
  auth,
  source: { serviceAccount: { uid, namespace: 'ns', name: 'default' } },
});
const recordOf = (credentials: PullCredentials | undefined): PulledRecord => ({
  imageRef: 'id',
  lastUpdatedTime: '2026-01-01T00:00:00.000Z',
  credentialMapping: credentials ? { [repository]: credentials } : {},
});

describe('an image on the node', () => {
  const secrets = shownBy(ofSecret());
  const known = {
    'was there before': { isBeingPulled: false },
    'may be coming': { isBeingPulled: true },
    'came somehow': { isBeingPulled: false, record: recordOf(undefined) },
    'came for everybody': { isBeingPulled: false, record: recordOf({ nodePodsAccessible: true }) },
    'came by a secret': { isBeingPulled: false, record: recordOf(secrets) },
  };
  const free = ['free', 'free', 'free', 'free', 'free'];
  it.each<[AccessRule['policy'], string[], unknown[]]>([
    ['NeverVerify', [], free],
    ['NeverVerifyPreloadedImages', [], ['free', 'closed', 'closed', 'free', secrets]],
    ['NeverVerifyAllowlistedImages', ['registry.io/other'], ['closed', 'closed', 'closed', 'free', secrets]],
    ['NeverVerifyAllowlistedImages', ['registry.io/other', repository], free],
    ['NeverVerifyAllowlistedImages', ['registry.io/*'], free],
    ['AlwaysVerify', [repository], ['closed', 'closed', 'closed', 'free', secrets]],
  ])('by %s with %j is open to those who may use it', (policy, allowlist, standings) => {
    expect(verificationPolicies).toContain(policy);
    const found = Object.values(known).map((one) => standingOf(image, one, { policy, allowlist }));
    expect(found).toEqual(standings);
  });

  it('came from one repository, and is closed under the name of another', () => {
    const rule: AccessRule = { policy: 'NeverVerifyPreloadedImages', allowlist: [] };
    const record = recordOf({ nodePodsAccessible: true });
    expect(standingOf('registry.io/team/app@sha256:00', { record, isBeingPulled: false }, rule)).toBe('free');
    expect(standingOf('registry.io/copy:1', { record, isBeingPulled: false }, rule)).toBe('closed');
  });
});

describe('credentials', () => {
  const recorded = shownBy(ofSecret());

  it('that fetched the image open it, in whichever secret they are', () => {
    expect(matchOf(recorded, [ofSecret()])).toEqual({ matches: true });
    const copy = { uid: 'u2', namespace: 'other', name: 's2' };
    expect(matchOf(recorded, [ofSecret({}, other), ofSecret(copy)])).toMatchObject({ matches: true });
    expect(matchOf(recorded, [ofSecret(copy)])).toEqual({
      matches: true,
      learned: { ...copy, credentialHash: credentialHash(auth) },
    });
  });

  it('that are new in the same secret open it; those of a secret that only has its name do not', () => {
    expect(matchOf(recorded, [ofSecret({}, other)])).toEqual({
      matches: true,
      learned: { ...coordinates, credentialHash: credentialHash(other) },
    });
    expect(matchOf(recorded, [ofSecret({ uid: 'later' }, other)])).toEqual({ matches: false });
    expect(matchOf(recorded, [])).toEqual({ matches: false });
    // The node's own would have fetched it for everybody.
    expect(matchOf(recorded, [{ auth }])).toEqual({ matches: false });
  });

  it('are not learned without end', () => {
    const one = { ...coordinates, credentialHash: credentialHash(auth) };
    const kubernetesSecrets = Array.from({ length: 100 }, (_, at) => ({ ...one, uid: `${at}` }));
    expect(matchOf({ kubernetesSecrets }, [ofSecret({ uid: 'new' })])).toEqual({ matches: true });
    expect(matchOf({ kubernetesSecrets }, [ofSecret({ uid: '7' }, other)])).toEqual({ matches: false });
  });

  it('of a service account open the image for it alone', () => {
    const byAccount = shownBy(ofAccount('a'));
    expect(byAccount).toEqual({ kubernetesServiceAccounts: [{ uid: 'a', namespace: 'ns', name: 'default' }] });
    expect(matchOf(byAccount, [ofAccount('a')]).matches).toBe(true);
    expect(matchOf(byAccount, [ofAccount('b')]).matches).toBe(false);
    expect(matchOf(byAccount, [ofSecret()]).matches).toBe(false);
  });

  it("that nobody needed, or that are all pods' own, open the image for everybody", () => {
    expect(shownBy(undefined)).toEqual({ nodePodsAccessible: true });
    expect(shownBy({ auth })).toEqual({ nodePodsAccessible: true });
  });
});
