import type { Expr, Loop, LoopKind } from './ast.ts';
import { fail } from './lexer.ts';

interface Call {
  name: string;
  target: Expr | undefined;
  args: Expr[];
  at: number;
}

/** Loops by name and number of arguments: how many variables, and whether a condition stands before the body. */
const loops: Record<string, { kind: LoopKind; variables: 1 | 2; condition: boolean }> = {
  'all/2': { kind: 'all', variables: 1, condition: false },
  'all/3': { kind: 'all', variables: 2, condition: false },
  'exists/2': { kind: 'exists', variables: 1, condition: false },
  'exists/3': { kind: 'exists', variables: 2, condition: false },
  'exists_one/2': { kind: 'exists_one', variables: 1, condition: false },
  'existsOne/3': { kind: 'exists_one', variables: 2, condition: false },
  'existsOne/2': { kind: 'exists_one', variables: 1, condition: false },
  'filter/2': { kind: 'filter', variables: 1, condition: false },
  'map/2': { kind: 'map', variables: 1, condition: false },
  'map/3': { kind: 'map', variables: 1, condition: true },
  'transformList/3': { kind: 'transformList', variables: 2, condition: false },
  'transformList/4': { kind: 'transformList', variables: 2, condition: true },
  'transformMap/3': { kind: 'transformMap', variables: 2, condition: false },
  'transformMap/4': { kind: 'transformMap', variables: 2, condition: true },
  'transformMapEntry/3': { kind: 'transformMapEntry', variables: 2, condition: false },
  'transformMapEntry/4': { kind: 'transformMapEntry', variables: 2, condition: true },
};

/** What a macro stands for; undefined where a call is none. Throws `CompileError` for a variable that is no name. */
export function expandMacro(source: string, call: Call): Expr | undefined {
  const { name, target, args, at } = call;
  if (name === 'has' && !target && args.length === 1) return expandHas(source, args[0] as Expr, at);
  if (!target) return undefined;
  const loop = loops[`${name}/${args.length}`];
  if (loop) return { op: 'loop', at, loop: loopOf(source, call, { ...loop, range: target }) };
  if (name === 'bind' && target.op === 'ident' && target.name === 'cel' && args.length === 3) {
    const [variable, value, body] = args as [Expr, Expr, Expr];
    return { op: 'bind', at, name: nameOf(source, variable), value, body };
  }
  if ((name === 'optMap' || name === 'optFlatMap') && args.length === 2) {
    const [variable, body] = args as [Expr, Expr];
    return { op: 'optMap', at, name: nameOf(source, variable), value: target, body, flat: name === 'optFlatMap' };
  }
  return undefined;
}

function expandHas(source: string, argument: Expr, at: number): Expr {
  if (argument.op !== 'select') throw fail(source, argument.at, 'invalid argument to has() macro');
  return { op: 'has', at, object: argument.object, field: argument.field, optional: argument.optional };
}

function loopOf(
  source: string,
  { args }: Call,
  { kind, variables, condition, range }: { kind: LoopKind; variables: 1 | 2; condition: boolean; range: Expr },
): Loop {
  const rest = args.slice(variables);
  return {
    kind,
    range,
    first: nameOf(source, args[0] as Expr),
    second: variables === 2 ? nameOf(source, args[1] as Expr) : undefined,
    condition: condition ? rest[0] : undefined,
    body: rest.at(-1) as Expr,
  };
}

function nameOf(source: string, variable: Expr): string {
  if (variable.op === 'ident') return variable.name;
  throw fail(source, variable.at, 'argument must be a simple name');
}
