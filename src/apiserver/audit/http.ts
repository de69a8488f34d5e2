import type { UserInfo } from '../authn/user-info.ts';
import type { HttpRequest } from '../body.ts';
import type { ApiContext } from '../context.ts';
import { attributesOfPath } from '../path-attributes.ts';
import type { Audited } from '../pipeline.ts';
import type { Answer } from '../request.ts';
import type { AuditEntry } from './auditor.ts';
import type { AuditedRequest } from './event.ts';

/** An entry as those see it who only have remarks. */
export const told = (entry: AuditEntry | undefined): Audited =>
  entry ? { annotate: (key, value) => entry.annotate(key, value) } : {};

/** What is known of a request from its head. */
export function auditedRequest(
  context: ApiContext,
  request: HttpRequest,
  { auditId, user }: { auditId: string; user: UserInfo },
): AuditedRequest {
  const attributes = attributesOfPath(context, request);
  const peer = request.socket.remoteAddress?.replace(/^::ffff:/, '') ?? '';
  const userAgent = String(request.headers['user-agent'] ?? '');
  return { auditId, uri: request.url ?? '/', user, attributes, sourceIPs: [peer], userAgent };
}

/** An answer as audit events show it. */
export function shownAnswer({ objects }: ApiContext, answer: Answer): unknown {
  if (answer.type === 'version') return objects.read(answer.version);
  if (answer.type === 'object') return answer.object;
  if (answer.type === 'watch') return undefined;
  return {
    metadata: { resourceVersion: String(answer.revision) },
    items: answer.versions.map((one) => objects.read(one)),
  };
}
