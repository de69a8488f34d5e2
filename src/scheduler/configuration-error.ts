/** The file is wrong; the message names the field. */
export class ConfigurationError extends Error {}

export const invalid = (field: string, value: unknown, why: string): ConfigurationError =>
  new ConfigurationError(`${field}: Invalid value: ${JSON.stringify(value)}: ${why}`);

export const required = (field: string, why = ''): ConfigurationError =>
  new ConfigurationError(`${field}: Required value${why && `: ${why}`}`);

export function rejectUnknown(path: string, text: object, fields: readonly string[]): void {
  for (const field of Object.keys(text))
    if (!fields.includes(field)) throw new ConfigurationError(`strict decoding error: unknown field "${path}${field}"`);
}
