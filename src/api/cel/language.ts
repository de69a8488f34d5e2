import { Language } from '../../cel/environment.ts';
import { dns1035Label, dns1123Label, dns1123Subdomain, labelValue, qualifiedName } from '../meta/name-format.ts';
import { parseQuantity, QuantityError } from '../meta/quantity.ts';
import { formatNamed } from '../structural/formats.ts';

function readQuantity(text: string): bigint | undefined {
  try {
    return parseQuantity(text).nanos;
  } catch (error) {
    if (error instanceof QuantityError) return undefined;
    throw error;
  }
}

const typed = (format: string) => (text: string) =>
  formatNamed(format)?.(text) === false ? [`is not a valid ${format === 'datetime' ? 'date-time' : format}`] : [];

/** A name that ends in a dash, as `generateName` takes it. */
const prefix = (format: (text: string) => string[]) => (text: string) =>
  format(text.endsWith('-') ? `${text.slice(0, -1)}a` : text);

/** What formats of names and quantities are, for the language. */
export const languageDeps = {
  readQuantity,
  formats: {
    dns1123Label,
    dns1123Subdomain,
    dns1035Label,
    qualifiedName,
    dns1123LabelPrefix: prefix(dns1123Label),
    dns1123SubdomainPrefix: prefix(dns1123Subdomain),
    dns1035LabelPrefix: prefix(dns1035Label),
    labelValue,
    uri: typed('uri'),
    uuid: typed('uuid'),
    byte: typed('byte'),
    date: typed('date'),
    datetime: typed('datetime'),
  },
};

/** The language of schemas. */
export const language = new Language(languageDeps);
