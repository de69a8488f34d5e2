/**
 * Text from users as words of haproxy's configuration. Strong quotes keep everything as it is but themselves; a control
 * character would end the line and is left out: no request that is one has it.
 */
const control = /\p{Cc}/gu;

export const word = (text: string): string => `'${text.replace(control, '').replaceAll("'", `'\\''`)}'`;

/** The same inside of a log format, where `%` begins an expression. */
export const literal = (text: string): string => text.replaceAll('%', '%%');
