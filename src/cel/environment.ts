import { type Checked, check, functionKey, type Functions, type Structs } from './checker.ts';
import { compile } from './compile.ts';
import { estimateCost } from './estimate.ts';
import { conversions } from './functions/conversions.ts';
import { type Formats, formats } from './functions/formats.ts';
import { lists } from './functions/lists.ts';
import { moments } from './functions/moments.ts';
import { network } from './functions/network.ts';
import { numbers } from './functions/numbers.ts';
import { operators } from './functions/operators.ts';
import { optionals } from './functions/optionals.ts';
import { quantities, type ReadQuantity } from './functions/quantities.ts';
import { semver } from './functions/semver.ts';
import { strings } from './functions/strings.ts';
import { parse } from './parser.ts';
import type { Overload } from './signature.ts';
import type { Type } from './types.ts';
import type { Value } from './values.ts';

/** What the language takes from the rest of the program. */
export interface LanguageDeps {
  readQuantity: ReadQuantity;
  formats: Formats;
}

/** A compiled expression. */
export interface Program {
  readonly text: string;
  readonly type: Type;
  /** The most that it can cost. */
  readonly estimate: number;
  /** Names of the variables that it uses. */
  readonly uses: ReadonlySet<string>;
  /**
   * Its value for these variables, and what that cost. Throws `EvaluationError` where there is none, `CostError` when it
   * would cost more than `limit`.
   */
  run(variables: Readonly<Record<string, Value | undefined>>, limit: number): { value: Value; cost: number };
}

/** The functions of Kubernetes' CEL: the standard ones, cel-go's extensions and Kubernetes' libraries. */
export class Language {
  readonly #functions: Functions;
  readonly #structs: Structs;

  constructor(deps: LanguageDeps, more: readonly Overload[] = [], structs: Structs = () => undefined) {
    this.#structs = structs;
    this.#functions = byKey([
      ...operators,
      ...conversions,
      ...strings(),
      ...lists,
      ...moments,
      ...optionals,
      ...numbers,
      ...network,
      ...semver,
      ...quantities(deps.readQuantity),
      ...formats(deps.formats),
      ...more,
    ]);
  }

  /** Throws `CompileError`. */
  compile(text: string, variables: Readonly<Record<string, Type>>): Program {
    const names = Object.keys(variables);
    const expression = parse(text);
    const known = new Map(Object.entries(variables));
    const checked = check(text, expression, { functions: this.#functions, structs: this.#structs, variables: known });
    const { run, slots } = compile(expression, checked, names);
    return {
      text,
      type: checked.type,
      estimate: estimateCost(expression, checked),
      uses: usedNames(checked, known),
      run(values, limit) {
        const frame = { slots: Array.from<Value | undefined>({ length: slots }), cost: 0, limit };
        names.forEach((name, i) => {
          frame.slots[i] = values[name];
        });
        return { value: run(frame), cost: frame.cost };
      },
    };
  }
}

function byKey(overloads: readonly Overload[]): Functions {
  const functions = new Map<string, Overload[]>();
  for (const overload of overloads) {
    const key = functionKey(overload.name, overload.params.length, overload.member);
    functions.set(key, [...(functions.get(key) ?? []), overload]);
  }
  return functions;
}

function usedNames({ types }: Checked, variables: ReadonlyMap<string, Type>): Set<string> {
  const used = new Set<string>();
  for (const expr of types.keys()) if (expr.op === 'ident' && variables.has(expr.name)) used.add(expr.name);
  return used;
}
