import { fn, type Overload } from '../../cel/signature.ts';
import type { Opaque, Value } from '../../cel/values.ts';

/** Who may or may not. */
export interface Asker {
  readonly name: string;
  readonly groups: readonly string[];
}

/** What is asked: an object or collection, or a path. */
export interface ResourceQuestion {
  group: string;
  resource: string;
  version?: string;
  subresource?: string;
  namespace?: string;
  name?: string;
  fieldSelector?: string;
  labelSelector?: string;
}

export interface Answer {
  allowed: boolean;
  reason: string;
  /** Why it could not be said. */
  error?: string;
}

/** How questions of expressions are answered. */
export interface AuthorizerAnswers {
  readonly user: Asker;
  serviceAccount(namespace: string, name: string): Asker;
  resource(asker: Asker, verb: string, question: ResourceQuestion): Answer;
  path(asker: Asker, verb: string, path: string): Answer;
}

/** `authorizer` of expressions: what the one who asks, or a service account, may do. */
export class RequestAuthorizer implements Opaque {
  readonly celType = 'kubernetes.authorization.Authorizer';
  readonly answers: AuthorizerAnswers;
  readonly asker: Asker;

  constructor(answers: AuthorizerAnswers, asker: Asker = answers.user) {
    this.answers = answers;
    this.asker = asker;
  }

  equals(other: Value): boolean {
    return other === this;
  }

  /** A check of the object of the request. */
  check(question: ResourceQuestion): Opaque {
    return new ResourceCheck(this, question);
  }
}

class GroupCheck implements Opaque {
  readonly celType = 'kubernetes.authorization.GroupCheck';
  readonly authorizer: RequestAuthorizer;
  readonly group: string;
  constructor(authorizer: RequestAuthorizer, group: string) {
    this.authorizer = authorizer;
    this.group = group;
  }
  equals(other: Value): boolean {
    return other === this;
  }
}

class PathCheck implements Opaque {
  readonly celType = 'kubernetes.authorization.PathCheck';
  readonly authorizer: RequestAuthorizer;
  readonly path: string;
  constructor(authorizer: RequestAuthorizer, path: string) {
    this.authorizer = authorizer;
    this.path = path;
  }
  equals(other: Value): boolean {
    return other === this;
  }
}

class ResourceCheck implements Opaque {
  readonly celType = 'kubernetes.authorization.ResourceCheck';
  readonly authorizer: RequestAuthorizer;
  readonly attributes: ResourceQuestion;
  constructor(authorizer: RequestAuthorizer, attributes: ResourceQuestion) {
    this.authorizer = authorizer;
    this.attributes = attributes;
  }
  equals(other: Value): boolean {
    return other === this;
  }
  with(more: Partial<ResourceQuestion>): ResourceCheck {
    return new ResourceCheck(this.authorizer, { ...this.attributes, ...more });
  }
}

class DecisionValue implements Opaque {
  readonly celType = 'kubernetes.authorization.Decision';
  readonly decision: Answer;
  constructor(decision: Answer) {
    this.decision = decision;
  }
  equals(other: Value): boolean {
    return other === this;
  }
}

const space = 'kubernetes.authorization';
const check = { work: () => 350_000 };

const serviceAccount = ({ answers }: RequestAuthorizer, namespace: string, name: string): RequestAuthorizer =>
  new RequestAuthorizer(answers, answers.serviceAccount(namespace, name));

const checkResource = ({ authorizer, attributes }: ResourceCheck, verb: string): DecisionValue =>
  new DecisionValue(authorizer.answers.resource(authorizer.asker, verb, attributes));

const checkPath = ({ authorizer, path }: PathCheck, verb: string): DecisionValue =>
  new DecisionValue(authorizer.answers.path(authorizer.asker, verb, path));

/** Kubernetes' authorizer library. A check costs as much as a third of what one expression may. */
export const authorizerFunctions: Overload[] = [
  fn(
    `${space}.Authorizer.group(string): ${space}.GroupCheck`,
    (authorizer: RequestAuthorizer, group: string) => new GroupCheck(authorizer, group),
  ),
  fn(
    `${space}.Authorizer.path(string): ${space}.PathCheck`,
    (authorizer: RequestAuthorizer, path: string) => new PathCheck(authorizer, path),
  ),
  fn(`${space}.Authorizer.serviceAccount(string, string): ${space}.Authorizer`, serviceAccount),
  fn(
    `${space}.GroupCheck.resource(string): ${space}.ResourceCheck`,
    ({ authorizer, group }: GroupCheck, resource: string) => new ResourceCheck(authorizer, { group, resource }),
  ),
  fn(
    `${space}.ResourceCheck.subresource(string): ${space}.ResourceCheck`,
    (resource: ResourceCheck, subresource: string) => resource.with({ subresource }),
  ),
  fn(`${space}.ResourceCheck.namespace(string): ${space}.ResourceCheck`, (resource: ResourceCheck, namespace: string) =>
    resource.with({ namespace }),
  ),
  fn(`${space}.ResourceCheck.name(string): ${space}.ResourceCheck`, (resource: ResourceCheck, name: string) =>
    resource.with({ name }),
  ),
  fn(
    `${space}.ResourceCheck.fieldSelector(string): ${space}.ResourceCheck`,
    (resource: ResourceCheck, fieldSelector: string) => resource.with({ fieldSelector }),
  ),
  fn(
    `${space}.ResourceCheck.labelSelector(string): ${space}.ResourceCheck`,
    (resource: ResourceCheck, labelSelector: string) => resource.with({ labelSelector }),
  ),
  fn(`${space}.ResourceCheck.check(string): ${space}.Decision`, checkResource, check),
  fn(`${space}.PathCheck.check(string): ${space}.Decision`, checkPath, check),
  fn(`${space}.Decision.allowed(): bool`, ({ decision }: DecisionValue) => decision.allowed),
  fn(`${space}.Decision.reason(): string`, ({ decision }: DecisionValue) => decision.reason),
  fn(
    `${space}.Decision.errored(): bool`,
    ({ decision }: DecisionValue) => !decision.allowed && decision.error !== undefined,
  ),
  fn(`${space}.Decision.error(): string`, ({ decision }: DecisionValue) =>
    decision.allowed ? '' : (decision.error ?? ''),
  ),
];
