import { namespaces } from '../../api/generated/resources.ts';
import { type AuthorizerAnswers, RequestAuthorizer } from '../../api/cel/authorizer-library.ts';
import { compilePolicy } from '../../api/cel/policy-language.ts';
import type { Program } from '../../cel/environment.ts';
import { CompileError, CostError, EvaluationError } from '../../cel/errors.ts';
import { dyn } from '../../cel/types.ts';
import { adapt, CelMap, type Value } from '../../cel/values.ts';
import { admissionRequest } from './admission-review.ts';
import { allAuthenticated, serviceAccountGroups, serviceAccountUserName, type UserInfo } from '../authn/user-info.ts';
import type { Attributes, Decision } from '../authz/attributes.ts';
import type { AdmissionContext } from './plugin.ts';
import type { Target } from './rule-matching.ts';

/** What one expression may cost, and all of one policy for one request. */
const perExpression = 1_000_000;
const perPolicy = 10_000_000;

/** Programs by their texts: policies and webhooks are asked for every write. */
export class Expressions {
  readonly #known = new Map<string, Program | CompileError>();
  readonly #compile: typeof compilePolicy;

  constructor(compile = compilePolicy) {
    this.#compile = compile;
  }

  /** The program; what is wrong with the text where there is none. */
  get(text: string): Program | CompileError {
    const known = this.#known.get(text);
    if (known) return known;
    // Configurations come and go: start over rather than grow.
    if (this.#known.size >= maxPrograms) this.#known.clear();
    const made = this.#compile(text);
    this.#known.set(text, made);
    return made;
  }
}

const maxPrograms = 2048;

export type Outcome = { value: Value } | { error: string };

/** One request with one budget: evaluates expressions over it. */
export class Evaluation {
  readonly #expressions: Expressions;
  readonly #values: Record<string, Value | undefined>;
  #left = perPolicy;

  constructor(
    expressions: Expressions,
    context: AdmissionContext,
    at: { target: Target; params?: unknown; definitions?: readonly { name: string; expression: string }[] },
  ) {
    this.#expressions = expressions;
    const request = admissionRequest(context, at.target, '');
    const namespace = context.namespace && context.read.get(namespaces, '', context.namespace);
    this.#values = {
      object: adapt(request.object, dyn),
      oldObject: adapt(request.oldObject, dyn),
      request: adapt({ ...request, object: undefined, oldObject: undefined }, dyn),
      params: adapt(at.params ?? null, dyn),
      namespaceObject: adapt(namespace || null, dyn),
      authorizer: new RequestAuthorizer(answersOf(context)),
      variables: this.#lazy(at.definitions ?? []),
    };
  }

  /** A promise where somebody outside of the server has to be asked what a user may do. */
  run(text: string): Outcome | Promise<Outcome> {
    const program = this.#expressions.get(text);
    if (program instanceof CompileError) return { error: program.message };
    try {
      return { value: this.#evaluate(program) };
    } catch (error) {
      if (error instanceof Undecided) return error.decided.then(() => this.run(text));
      if (error instanceof EvaluationError || error instanceof CostError) return { error: error.message };
      throw error;
    }
  }

  #evaluate(program: Program): Value {
    const { value, cost } = program.run(this.#values, Math.min(perExpression, this.#left));
    this.#left -= cost;
    return value;
  }

  /** Variables of a policy: each is evaluated when it is first asked for. */
  #lazy(definitions: readonly { name: string; expression: string }[]): Value {
    const known = new Map<string, Value>();
    const texts = new Map(definitions.map(({ name, expression }) => [name, expression]));
    return CelMap.lazy([...texts.keys()], (name) => {
      const found = known.get(name);
      if (found !== undefined) return found;
      const program = this.#expressions.get(texts.get(name) ?? '');
      if (program instanceof CompileError) throw new EvaluationError(program.message);
      const value = this.#evaluate(program);
      known.set(name, value);
      return value;
    });
  }
}

/** An evaluation cannot go on before somebody outside has answered: it is begun anew when the answer is known. */
class Undecided extends Error {
  readonly decided: Promise<unknown>;

  constructor(decided: Promise<unknown>) {
    super('not decided yet');
    this.name = 'Undecided';
    this.decided = decided;
  }
}

/** Questions of expressions, answered by the cluster's own authorizers: each question once in a request. */
function answersOf({ authorizer, user }: AdmissionContext): AuthorizerAnswers {
  const known = new Map<string, Decision>();
  const answer = (asker: UserInfo, attributes: Attributes): Decision => {
    const before = known.size > 0 && known.get(JSON.stringify([asker, attributes]));
    if (before) return before;
    const decided = authorizer.authorize(asker, attributes);
    if (!(decided instanceof Promise)) return decided;
    throw new Undecided(decided.then((decision) => known.set(JSON.stringify([asker, attributes]), decision)));
  };
  return {
    user,
    serviceAccount: (namespace, name) => ({
      name: serviceAccountUserName(namespace, name),
      groups: [...serviceAccountGroups(namespace), allAuthenticated],
    }),
    resource: (asker, verb, question) => answer(asker, { ...question, verb }),
    path: (asker, verb, path) => answer(asker, { verb, path }),
  };
}
