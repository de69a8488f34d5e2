import { flattenedVerify } from 'jose';
import { expect, it } from 'vitest';
import type { Secret } from '../../api/generated/types.ts';
import { joinTokenSecret } from '../../pki/join-token.ts';
import { signedData } from './signatures.ts';

const nowMs = Date.UTC(2026, 0, 1);
const token = { id: 'abcdef', secret: '0123456789abcdef' };
const info = { kubeconfig: 'apiVersion: v1\nkind: Config\n', note: 'mine' };

/** Signs with the token's secret what anybody may read; checked as RFC 7515 says it. */
it('signs the kubeconfig so that whoever has the token can check it', async () => {
  const data = signedData(info, [joinTokenSecret(token)], nowMs);
  expect(Object.keys(data)).toEqual(['kubeconfig', 'note', 'jws-kubeconfig-abcdef']);
  const [header = '', content, signature = ''] = (data['jws-kubeconfig-abcdef'] ?? '').split('.');
  expect(content).toBe('');
  const payload = Buffer.from(info.kubeconfig).toString('base64url');
  const key = new TextEncoder().encode(token.secret);
  const { protectedHeader } = await flattenedVerify({ protected: header, payload, signature }, key);
  expect(protectedHeader).toEqual({ alg: 'HS256', kid: 'abcdef' });
  await expect(flattenedVerify({ protected: header, payload: 'eA', signature }, key)).rejects.toThrow();
});

it('takes signatures away whose token is no more, has ended, or does not sign', () => {
  const old = { ...info, 'jws-kubeconfig-abcdef': 'x..y' };
  const changed = (change: Record<string, string>): Secret => {
    const secret = joinTokenSecret(token);
    const more = Object.entries(change).map(([name, text]) => [name, Buffer.from(text).toString('base64')]);
    return { ...secret, data: { ...secret.data, ...Object.fromEntries(more) } };
  };
  expect(signedData(old, [], nowMs)).toEqual(info);
  expect(signedData(old, [joinTokenSecret(token, { expiresAtMs: nowMs })], nowMs)).toEqual(info);
  expect(signedData(old, [changed({ 'usage-bootstrap-signing': 'false' })], nowMs)).toEqual(info);
  expect(signedData(old, [changed({ 'token-id': 'ghijkl' })], nowMs)).toEqual(info);
  expect(signedData(old, [changed({ 'token-secret': 'short' })], nowMs)).toEqual(info);
  expect(Object.keys(signedData(old, [joinTokenSecret(token, { expiresAtMs: nowMs + 1000 })], nowMs))).toHaveLength(3);
  expect(signedData({ note: 'mine' }, [joinTokenSecret(token)], nowMs)).toEqual({ note: 'mine' });
});
