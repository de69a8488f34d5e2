import { expect, it } from 'vitest';
import { shownFlags } from './configured-options.ts';

it('flags are shown as they are written on the command line', () => {
  const flags = {
    auditLogMaxsize: 5,
    anonymousAuth: true,
    oidcRequiredClaim: ['a=b', 'c=d'],
    etcd: undefined,
    cluster: 'one',
  };
  expect(shownFlags(flags)).toEqual({
    'audit-log-maxsize': '5',
    'anonymous-auth': 'true',
    'oidc-required-claim': '[a=b,c=d]',
    cluster: 'one',
  });
});
