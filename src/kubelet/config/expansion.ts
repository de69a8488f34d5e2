/**
 * `$(NAME)` becomes the variable's value, `$$` one dollar sign; a name that is not known stays as it is written.
 * Source: the API's description of `command`, `args` and `env`.
 */
export function expand(text: string, variables: ReadonlyMap<string, string>): string {
  return text.replace(/\$(?:\$|\(([^)]*)\))/g, (match, name?: string) => {
    if (name === undefined) return '$';
    return variables.get(name) ?? match;
  });
}
