import type { Status } from '../../api/generated/types.ts';
import type { KubeObject } from '../../api/resource.ts';
import type { UserInfo } from '../authn/user-info.ts';
import type { Clock } from '../../base/clock.ts';
import {
  apiUser,
  type AuditedRequest,
  type AuditEvent,
  microTime,
  objectReference,
  withoutManagedFields,
} from './event.ts';
import { type AuditDecision, auditDecision, type AuditPolicy, type Stage } from './policy.ts';
import type { AuditSink } from './sink.ts';

/** One request on its way: what is found out about it is told here. */
export interface AuditEntry {
  annotate(key: string, value: string): void;
  /** The object that was sent. */
  sent(object: unknown): void;
  /** An answer that goes on for long has begun. */
  started(code: number): void;
  /** As whom it is acted, where that is somebody else than the sender; by which verb, if that constrains him. */
  actsAs(user: UserInfo, constraint?: string): void;
  /** `make` gives the object that is sent back; a Status where the request failed. */
  answered(make: () => unknown): void;
  /** It is over. */
  completed(code: number): void;
}

/** Decides what is told of requests and tells it. */
export class Auditor {
  readonly #policy: AuditPolicy;
  readonly #sinks: readonly AuditSink[];
  readonly #clock: Clock;

  constructor(deps: { clock: Clock; sinks: readonly AuditSink[] }, policy: AuditPolicy) {
    this.#policy = policy;
    this.#sinks = deps.sinks;
    this.#clock = deps.clock;
  }

  /** Undefined: the request is not audited. */
  begin(request: AuditedRequest): AuditEntry | undefined {
    const decision = auditDecision(this.#policy, request.user, request.attributes);
    if (decision.level === 'None') return undefined;
    return new Entry({ request, decision, clock: this.#clock, emit: (event) => this.#emit(event) });
  }

  async close(): Promise<void> {
    await Promise.all(this.#sinks.map((sink) => sink.close()));
  }

  #emit(event: AuditEvent): void {
    for (const sink of this.#sinks) sink.write(event);
  }
}

interface EntryDeps {
  request: AuditedRequest;
  decision: AuditDecision;
  clock: Clock;
  emit(event: AuditEvent): void;
}

class Entry implements AuditEntry {
  readonly #deps: EntryDeps;
  readonly #received: string;
  readonly #annotations: Record<string, string> = {};
  #sent: unknown;
  #impersonated: UserInfo | undefined;
  #constraint: string | undefined;
  #answer: (() => unknown) | undefined;
  #isOver = false;

  constructor(deps: EntryDeps) {
    this.#deps = deps;
    this.#received = microTime(deps.clock.now());
    this.#stage('RequestReceived');
  }

  annotate(key: string, value: string): void {
    // The first word on a matter stands, as upstream.
    this.#annotations[key] ??= value;
  }

  sent(object: unknown): void {
    this.#sent = object;
  }

  started(code: number): void {
    this.#stage('ResponseStarted', { responseStatus: { metadata: {}, code } });
  }

  actsAs(user: UserInfo, constraint?: string): void {
    this.#impersonated = user;
    this.#constraint = constraint;
  }

  answered(make: () => unknown): void {
    this.#answer = make;
  }

  completed(code: number): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const isWanted = this.#deps.decision.level === 'RequestResponse' || code >= 400;
    const object = isWanted ? this.#answer?.() : undefined;
    const responseStatus = { metadata: {}, ...(code >= 400 ? failureOf(object) : {}), code };
    const responseObject = this.#deps.decision.level === 'RequestResponse' ? this.#shown(object) : undefined;
    this.#stage('ResponseComplete', { responseStatus, ...(responseObject === undefined ? {} : { responseObject }) });
  }

  #shown(object: unknown): unknown {
    return this.#deps.decision.omitManagedFields ? withoutManagedFields(object) : object;
  }

  #stage(stage: Stage, more: Partial<AuditEvent> = {}): void {
    const { request, decision, clock, emit } = this.#deps;
    if (decision.omitStages.has(stage)) return;
    const { auditId, uri, user, attributes, sourceIPs, userAgent } = request;
    const objectRef = objectReference(attributes, this.#sent as KubeObject | undefined);
    const showsRequest = decision.level !== 'Metadata' && this.#sent !== undefined;
    emit({
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: decision.level,
      auditID: auditId,
      stage,
      requestURI: uri,
      verb: attributes.verb,
      user: apiUser(user),
      ...(this.#impersonated ? { impersonatedUser: apiUser(this.#impersonated) } : {}),
      ...(this.#constraint ? { authenticationMetadata: { impersonationConstraint: this.#constraint } } : {}),
      sourceIPs,
      ...(userAgent ? { userAgent } : {}),
      ...(objectRef ? { objectRef } : {}),
      ...(showsRequest ? { requestObject: this.#shown(this.#sent) } : {}),
      ...more,
      requestReceivedTimestamp: this.#received,
      stageTimestamp: microTime(clock.now()),
      ...(Object.keys(this.#annotations).length > 0 ? { annotations: { ...this.#annotations } } : {}),
    });
  }
}

function failureOf(object: unknown): Partial<Status> {
  const { status, message, reason } = (object ?? {}) as Partial<Status>;
  return status === 'Failure' ? { status, ...(message ? { message } : {}), ...(reason ? { reason } : {}) } : {};
}
