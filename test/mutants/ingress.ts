import type { Mutant } from './mutant.ts';

export const ingress: Mutant[] = [
  {
    bug: 'a prefix need not end with an element of the path',
    file: 'src/ingress/conditions.ts',
    find: '-m beg -- ${word(`${prefix}/`)}',
    replace: '-m beg -- ${word(prefix)}',
    test: { file: 'src/ingress/haproxy.test.ts', name: 'goes by path: exact before prefix' },
  },
  {
    bug: 'a certificate is served with the key of another',
    file: 'src/ingress/certificates.ts',
    find: 'if (!certificates[0]?.checkPrivateKey(key))',
    replace: 'if (!certificates[0])',
    test: { file: 'src/ingress/ingress-model.test.ts', name: 'refuses what haproxy would stumble over' },
  },
  {
    bug: 'a grant is one for every namespace',
    file: 'src/ingress/gateway/grants.ts',
    find: 'f.group === from.group && f.kind === from.kind && f.namespace === from.namespace;',
    replace: 'f.group === from.group && f.kind === from.kind;',
    test: { file: 'src/ingress/gateway/gateway-plan.test.ts', name: 'refuse what others were granted' },
  },
  {
    bug: 'bodies of any size are kept to be copied',
    file: 'src/ingress/mirror.ts',
    find: 'largestBodyBytes = 256 * 1024',
    replace: 'largestBodyBytes = 256 * 1024 * 1024',
    test: { file: 'src/ingress/gateway/gateway-haproxy.test.ts', name: 'gets no body that is too large' },
  },
  {
    bug: 'HTTPRoutes and GRPCRoutes share a host',
    file: 'src/ingress/gateway/gateway-plan.ts',
    find: "intersection(other, host) !== 'none'",
    replace: "intersection(other, host) === 'none'",
    test: { file: 'src/ingress/gateway/grpc-plan.test.ts', name: 'give a host to the kind of the older route' },
  },
];
