/**
 * Text from users as words of haproxy's configuration. Strong quotes keep everything as it is but themselves; a control
 * character would end the line and is left out: no request that is one has it.
 */
const control = /\p{Cc}/gu;

export const word = (text: string): string => `'${text.replace(control, '').replaceAll("'", `'\\''`)}'`;

/** The same inside of a log format, where `%` begins an expression. */
export const literal = (text: string): string => text.replaceAll('%', '%%');

/** Names that can stand as an argument in parentheses. Others exist in RFC 9110, and nobody uses them. */
export const isPlainName = (name: string): boolean => /^[A-Za-z0-9._-]+$/.test(name);
