import type { APIService } from '../generated/types.ts';
import { dns1035Label, dns1123Subdomain, portNumber } from '../meta/name-format.ts';
import {
  child,
  each,
  type FieldError,
  formatted,
  invalidValue,
  keyFormatted,
  notSupported,
  required,
} from './check.ts';

/** One row: a number that must lie in a range which starts at one. */
const within = (path: string, value: number, most: number): FieldError[] =>
  value <= 0 || value > most ? [invalidValue(path, value, `must be positive and less than ${most}`)] : [];

const statuses = ['True', 'False', 'Unknown'];

export const validateApiServiceStatus = ({ status }: APIService): FieldError[] =>
  each(status?.conditions, 'status.conditions', ({ status: value }, path) =>
    statuses.includes(value) ? [] : [notSupported(child(path, 'status'), value, statuses)],
  );

export function validateApiService({ metadata, spec }: APIService): FieldError[] {
  const { group = '', version = '', groupPriorityMinimum, versionPriority } = spec;
  const wantedName = `${version}.${group}`;
  const errors: FieldError[] = [];
  if (metadata.name !== wantedName)
    errors.push(
      invalidValue(
        'metadata.name',
        metadata.name,
        `must be \`spec.version+"."+spec.group\`: ${JSON.stringify(wantedName)}`,
      ),
    );
  if (!group && version !== 'v1')
    errors.push(required('spec.group', 'only v1 may have an empty group and it better be legacy kube'));
  errors.push(
    ...formatted('spec.group', group, dns1123Subdomain),
    ...keyFormatted('spec.version', version, dns1035Label),
  );
  errors.push(...within('spec.groupPriorityMinimum', groupPriorityMinimum, 20_000));
  errors.push(...within('spec.versionPriority', versionPriority, 1000));
  return [...errors, ...(spec.service ? validateRemote(spec) : validateLocal(spec))];
}

function validateLocal({ caBundle = '', insecureSkipTLSVerify }: APIService['spec']): FieldError[] {
  const errors: FieldError[] = [];
  const size = Buffer.from(caBundle, 'base64').length;
  if (size > 0)
    errors.push(invalidValue('spec.caBundle', `${size} bytes`, 'local APIServices may not have a caBundle'));
  if (insecureSkipTLSVerify)
    errors.push(
      invalidValue('spec.insecureSkipTLSVerify', true, 'local APIServices may not have insecureSkipTLSVerify'),
    );
  return errors;
}

function validateRemote({ service = {}, caBundle, insecureSkipTLSVerify }: APIService['spec']): FieldError[] {
  const errors: FieldError[] = [];
  if (!service.namespace) errors.push(required('spec.service.namespace'));
  if (!service.name) errors.push(required('spec.service.name'));
  const wrong = portNumber(service.port ?? 443);
  if (wrong.length > 0)
    errors.push(invalidValue('spec.service.port', service.port, `port is not valid: ${wrong.join(', ')}`));
  if (insecureSkipTLSVerify && caBundle)
    errors.push(invalidValue('spec.insecureSkipTLSVerify', true, 'may not be true if caBundle is present'));
  return errors;
}
