import type { TokenRequest } from '../../api/generated/types.ts';
import { createToken } from '../authn/token-request.ts';
import { schema } from '../../api/schema/schema.ts';
import { decodeAs } from './request-body.ts';
import type { ApiContext } from '../context.ts';
import type { Answer, ApiRequest } from '../request.ts';

const codec = schema.codecFor('io.k8s.api.authentication.v1.TokenRequest');

/** POST serviceaccounts/NAME/token (TokenRequest). */
export async function requestToken(context: ApiContext, request: ApiRequest): Promise<Answer> {
  const account = { namespace: request.namespace, name: request.name };
  const deps = { issuer: context.tokens, read: context.read, clock: context.clock };
  const wanted = { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' };
  const body = decodeAs<TokenRequest>(request, codec, wanted);
  // A node may only ask for tokens of pods that it runs.
  await context.admission.validate({ verb: 'create', request, object: body, old: undefined, dryRun: false });
  return { type: 'object', code: 201, object: await createToken(deps, account, body) };
}
