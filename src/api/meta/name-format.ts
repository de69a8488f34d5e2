/** Formats of names, as the API server checks and words them: each returns what is wrong with a text, or nothing. */
export type NameFormat = (value: string) => string[];

export const maxLengthText = (length: number): string => `must be no more than ${length} bytes`;

/** `<message> (e.g. 'a',  or 'b', regex used for validation is '…')`. */
export function patternText(message: string, pattern: string, ...examples: string[]): string {
  if (examples.length === 0) return `${message} (regex used for validation is '${pattern}')`;
  return `${message} (e.g. ${examples.map((e) => `'${e}', `).join(' or ')}regex used for validation is '${pattern}')`;
}

interface Rule {
  pattern: string;
  message: string;
  examples: string[];
  maxLength?: number;
}

function format({ pattern, message, examples, maxLength }: Rule): NameFormat {
  const expression = new RegExp(`^(?:${pattern})$`);
  return (value) => {
    const wrong: string[] = [];
    if (maxLength !== undefined && value.length > maxLength) wrong.push(maxLengthText(maxLength));
    // The patterns backtrack on long texts that do not match.
    if (value.length > 4096 || !expression.test(value)) wrong.push(patternText(message, pattern, ...examples));
    return wrong;
  };
}

const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const subdomain = `${label}(\\.${label})*`;
const qualified = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';

/** DNS subdomain, RFC 1123: most names. */
export const dns1123Subdomain = format({
  pattern: subdomain,
  message:
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
  examples: ['example.com'],
  maxLength: 253,
});

const underscored = '[a-z0-9]([-_a-z0-9]*[a-z0-9])?';

/** As `dns1123Subdomain`, with underscores inside labels: search paths. */
export const underscoredSubdomain = format({
  pattern: `${underscored}(\\.${underscored})*`,
  message:
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  examples: ['example.com'],
  maxLength: 253,
});

const plainLabel = format({
  pattern: label,
  message:
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
  examples: ['my-name', '123-abc'],
});
const subdomainShape = new RegExp(`^${subdomain}$`);

/** DNS label, RFC 1123: namespaces, containers, volumes. */
export const dns1123Label: NameFormat = (value) => {
  const long = value.length > 63 ? [maxLengthText(63)] : [];
  const wrong = plainLabel(value);
  if (wrong.length === 0) return long;
  return [...long, ...(value.length < 4096 && subdomainShape.test(value) ? ['must not contain dots'] : wrong)];
};

/** DNS label, RFC 1035: begins with a letter. */
export const dns1035Label = format({
  pattern: '[a-z]([-a-z0-9]*[a-z0-9])?',
  message:
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
  examples: ['my-name', 'abc-123'],
  maxLength: 63,
});

export const wildcardDns1123Subdomain = format({
  pattern: `\\*\\.${subdomain}`,
  message:
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
  examples: ['*.example.com'],
  maxLength: 253,
});

const namePart = format({
  pattern: qualified,
  message:
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  examples: ['MyName', 'my.name', '123-abc'],
});

/** `[prefix/]name`: label keys, taints, conditions. */
export const qualifiedName: NameFormat = (value) => {
  const parts = value.split('/');
  if (parts.length > 2) {
    const message =
      "a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
    const text = patternText(message, qualified, 'MyName', 'my.name', '123-abc');
    return [`${text} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`];
  }
  const [name = '', prefix] = parts.reverse();
  const wrong: string[] = [];
  if (prefix === '') wrong.push('prefix part must be non-empty');
  else if (prefix !== undefined) wrong.push(...dns1123Subdomain(prefix).map((text) => `prefix part ${text}`));
  if (name === '') wrong.push('name part must be non-empty');
  else if (name.length > 63) wrong.push(`name part ${maxLengthText(63)}`);
  return [...wrong, ...namePart(name)];
};

export const labelValue = format({
  pattern: `(${qualified})?`,
  message:
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  examples: ['MyValue', 'my_value', '12345'],
  maxLength: 63,
});

/** A name that can be one piece of a URL: RBAC objects. */
export const pathSegment: NameFormat = (value) => {
  if (value === '.' || value === '..') return [`may not be '${value}'`];
  return ['/', '%'].filter((c) => value.includes(c)).map((c) => `may not contain '${c}'`);
};

function parentFolder(value: string): string[] {
  if (value === '.' || value === '..') return [`must not be '${value}'`];
  return value.startsWith('..') ? ["must not start with '..'"] : [];
}

const keyShape = format({
  pattern: '[-._a-zA-Z0-9]+',
  message: "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
  examples: ['key.name', 'KEY_NAME', 'key-name'],
  maxLength: 253,
});

/** A key of a ConfigMap or Secret: it becomes a file name. */
export const configMapKey: NameFormat = (value) => [...keyShape(value), ...parentFolder(value)];

/** Printable ASCII without `=` (since 1.34). */
export const envVarName: NameFormat = (value) => {
  if (value === '') return ['environment variable name must be non-empty'];
  if (/^[\x20-\x3c\x3e-\x7e]+$/.test(value)) return [];
  return ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
};

/** IANA service name: port names. */
export const portName: NameFormat = (value) => {
  const wrong: string[] = [];
  if (value.length > 15) wrong.push(maxLengthText(15));
  if (!/^[-a-z0-9]+$/.test(value)) wrong.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  if (!/[a-z]/.test(value)) wrong.push('must contain at least one letter (a-z)');
  if (value.includes('--')) wrong.push('must not contain consecutive hyphens');
  if (value.startsWith('-') || value.endsWith('-')) wrong.push('must not begin or end with a hyphen');
  return wrong;
};

export const rangeText = (low: number, high: number): string => `must be between ${low} and ${high}, inclusive`;

export const portNumber = (value: number): string[] => (value >= 1 && value <= 65535 ? [] : [rangeText(1, 65535)]);

/** Users and groups. */
export const userId = (value: number): string[] =>
  value >= 0 && value <= 2_147_483_647 ? [] : [rangeText(0, 2_147_483_647)];

export const percent = format({
  pattern: '[0-9]+%',
  message: "a valid percent string must be a numeric string followed by an ending '%'",
  examples: ['1%', '93%'],
});

export const httpHeaderName = format({
  pattern: '[-A-Za-z0-9]+',
  message: "a valid HTTP header must consist of alphanumeric characters or '-'",
  examples: ['X-Header-Name'],
});
