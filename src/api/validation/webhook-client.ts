import { invalidValue, required } from '../meta/field-error.ts';
import { portNumber } from '../meta/name-format.ts';
import type { FieldError } from '../meta/status-error.ts';

/** How a webhook is reached, wherever the API has one. */
export interface WebhookClient {
  url?: string;
  service?: { namespace: string; name: string; path?: string; port?: number };
  caBundle?: string;
}

/** Either an URL or a service. */
export function validateWebhookClient({ url, service, caBundle }: WebhookClient, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if ((url === undefined) === (service === undefined))
    errors.push(required(path, 'exactly one of url or service is required'));
  else if (url !== undefined) errors.push(...validateUrl(url, `${path}.url`));
  else if (service) errors.push(...validateService(service, `${path}.service`));
  if (caBundle && !Buffer.from(caBundle, 'base64').includes('-----BEGIN CERTIFICATE-----'))
    errors.push(
      invalidValue(`${path}.caBundle`, '', 'unable to load root certificates: unable to parse bytes as PEM block'),
    );
  return errors;
}

const form = '; desired format: https://host[/path]';

function validateUrl(text: string, path: string): FieldError[] {
  if (!URL.canParse(text))
    return [required(path, `url must be a valid URL: parse ${JSON.stringify(text)}: invalid URI for request${form}`)];
  const url = new URL(text);
  const errors: FieldError[] = [];
  if (url.protocol !== 'https:')
    errors.push(invalidValue(path, url.protocol.slice(0, -1), `'https' is the only allowed URL scheme${form}`));
  if (!url.host) errors.push(invalidValue(path, url.host, `host must be specified${form}`));
  if (url.username || url.password)
    errors.push(invalidValue(path, url.username, `user information is not permitted in the URL`));
  if (url.hash) errors.push(invalidValue(path, url.hash.slice(1), 'fragments are not permitted in the URL'));
  if (url.search) errors.push(invalidValue(path, url.search.slice(1), 'query parameters are not permitted in the URL'));
  return errors;
}

function validateService(service: NonNullable<WebhookClient['service']>, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (!service.name) errors.push(required(`${path}.name`, 'service name is required'));
  if (!service.namespace) errors.push(required(`${path}.namespace`, 'service namespace is required'));
  const wrong = portNumber(service.port ?? 443);
  if (wrong.length > 0)
    errors.push(invalidValue(`${path}.port`, service.port, `port is not valid: ${wrong.join(',')}`));
  if (service.path !== undefined) errors.push(...validatePath(service.path, `${path}.path`));
  return errors;
}

function validatePath(text: string, path: string): FieldError[] {
  if (text === '' || text === '/') return text === '' ? [] : [];
  if (!text.startsWith('/')) return [invalidValue(path, text, "must start with a '/'")];
  const segments = text.slice(1).split('/');
  return segments.flatMap((segment, i) => {
    const isLast = i === segments.length - 1;
    if (segment === '' && isLast) return [];
    if (segment === '') return [invalidValue(path, text, `segment[${i}] may not be empty`)];
    return [];
  });
}
