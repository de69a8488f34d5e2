import { review as answerReview } from '../authz/reviews.ts';
import type { ApiContext } from '../context.ts';
import { recordManagers } from '../field-managers.ts';
import type { Answer, ApiRequest } from '../request.ts';
import { checkIdentity, checkWriteOptions, decodeObject } from './request-body.ts';

/** POST of a review (access, token, self): a question that is answered, never stored. */
export async function review(context: ApiContext, request: ApiRequest): Promise<Answer> {
  checkWriteOptions(request);
  const object = decodeObject(context, request, request.body);
  checkIdentity(request, object);
  recordManagers(context, request, { object, old: undefined });
  const body = { ...object, kind: request.endpoint.kind.kind };
  const asked = { user: request.user, namespace: request.namespace };
  return { type: 'object', code: 201, object: await answerReview(context, body, asked) };
}
