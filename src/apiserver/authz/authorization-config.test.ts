import { describe, expect, it } from 'vitest';
import { parseAuthorizationConfig } from './authorization-config.ts';

const webhook = {
  timeout: '3s',
  subjectAccessReviewVersion: 'v1',
  failurePolicy: 'Deny',
  connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: '/hook.yaml' },
};
const hook = (more: object = {}, name = 'hook') => ({ type: 'Webhook', name, webhook: { ...webhook, ...more } });
const parse = (...authorizers: object[]) =>
  parseAuthorizationConfig(
    JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthorizationConfiguration', authorizers }),
    (path) => path === '/hook.yaml',
  );
const conditions = (...expressions: string[]) => ({
  matchConditionSubjectAccessReviewVersion: 'v1',
  matchConditions: expressions.map((expression) => ({ expression })),
});

describe('a configuration', () => {
  it('is an order of authorizers, each with its defaults', () => {
    const { authorizers } = parse(hook(), { type: 'Node', name: 'node' }, { type: 'RBAC', name: 'rbac' });
    expect(authorizers.map(({ type }) => type)).toEqual(['Webhook', 'Node', 'RBAC']);
    expect(authorizers[0]).toMatchObject({
      webhook: {
        authorizedTtlMs: 300_000,
        unauthorizedTtlMs: 30_000,
        cacheAuthorizedRequests: true,
        cacheUnauthorizedRequests: true,
        timeoutMs: 3000,
        failurePolicy: 'Deny',
      },
    });
  });

  it.each<[string, object[], string]>([
    ['nobody', [], 'authorizers: Required value: at least one authorization mode must be defined'],
    ['no type', [{ name: 'a' }], 'authorizers[0].type: Required value'],
    [
      'a type that nobody knows',
      [{ type: 'Friend', name: 'a' }],
      'authorizers[0].type: Unsupported value: "Friend": supported values: "AlwaysAllow", "AlwaysDeny", "Node", "RBAC", "Webhook"',
    ],
    [
      'the same type twice',
      [
        { type: 'RBAC', name: 'a' },
        { type: 'RBAC', name: 'b' },
      ],
      'authorizers[1].type: Duplicate value: "RBAC"',
    ],
    ['no name', [{ type: 'RBAC' }], 'authorizers[0].name: Required value'],
    ['the same name twice', [hook(), hook()], 'authorizers[1].name: Duplicate value: "hook"'],
    ['a bad name', [hook({}, 'A')], 'authorizers[0].name: Invalid value: "A": authorizer name is invalid: a lowercase'],
    [
      'no webhook',
      [{ type: 'Webhook', name: 'a' }],
      'authorizers[0].webhook: Required value: required when type=Webhook',
    ],
    [
      'a webhook of another type',
      [{ type: 'RBAC', name: 'a', webhook }],
      'authorizers[0].webhook: Invalid value: "non-null": may only be specified when type=Webhook',
    ],
    ['no time-out', [hook({ timeout: '0s' })], 'authorizers[0].timeout: Required value'],
    [
      'a long time-out',
      [hook({ timeout: '31s' })],
      'authorizers[0].timeout: Invalid value: "31s": must be > 0s and <= 30s',
    ],
    [
      'a time before now',
      [hook({ authorizedTTL: '-1s' })],
      'authorizers[0].authorizedTTL: Invalid value: "-1s": must be > 0s',
    ],
    [
      'another version',
      [hook({ subjectAccessReviewVersion: 'v2' })],
      'authorizers[0].subjectAccessReviewVersion: Unsupported value: "v2": supported values: "v1", "v1beta1"',
    ],
    [
      'another failure policy',
      [hook({ failurePolicy: 'Allow' })],
      'authorizers[0].failurePolicy: Unsupported value: "Allow": supported values: "NoOpinion", "Deny"',
    ],
    ['no way to it', [hook({ connectionInfo: {} })], 'authorizers[0].connectionInfo.type: Required value'],
    [
      'a relative path',
      [hook({ connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: 'a' } })],
      'authorizers[0].connectionInfo.kubeConfigFile: Invalid value: "a": must be an absolute path',
    ],
    [
      'a file that is not there',
      [hook({ connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: '/no' } })],
      'authorizers[0].connectionInfo.kubeConfigFile: Invalid value: "/no": must be a regular file',
    ],
    [
      'conditions without a version',
      [hook({ matchConditions: [{ expression: 'true' }] })],
      'authorizers[0].matchConditionSubjectAccessReviewVersion: Required value: required if match conditions are specified',
    ],
    [
      'a condition twice',
      [hook(conditions('true', 'true'))],
      'authorizers[0].matchConditions[1].expression: Duplicate value: "true"',
    ],
    [
      'a condition that is no question',
      [hook(conditions('request.user'))],
      'authorizers[0].matchConditions[0].expression: Invalid value: "request.user": must evaluate to bool but got string',
    ],
    ['a condition about nothing', [hook(conditions('request.nobody == "a"'))], "undefined field 'nobody'"],
  ])('with %s is refused by field', (_, authorizers, message) => {
    expect(() => parse(...authorizers)).toThrow(message);
  });
});
