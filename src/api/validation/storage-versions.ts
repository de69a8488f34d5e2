import type {
  ServerStorageVersion,
  StorageVersion,
  StorageVersionCondition,
  StorageVersionMigration,
} from '../generated/types.ts';
import { dns1035Label, dns1123Subdomain, patternText, qualifiedName } from '../meta/name-format.ts';
import { child, duplicate, each, type FieldError, immutable, invalidValue, keyFormatted, required } from './check.ts';
import { validateConditions } from './conditions.ts';

/** In which versions servers store objects, and the rewriting of what was stored in another one. */

export function validateMigration({ spec }: StorageVersionMigration): FieldError[] {
  const { group, resource } = spec.resource;
  const path = 'spec.resource';
  const joined = (name: string, value: string, wrong: string[]) =>
    wrong.length > 0 ? [invalidValue(child(path, name), value, wrong.join(','))] : [];
  return [
    ...(resource
      ? joined('resource', resource, dns1035Label(resource))
      : [required(child(path, 'resource'), 'resource is required')]),
    ...(group ? joined('group', group, dns1123Subdomain(group)) : []),
  ];
}

export const validateMigrationUpdate = (
  { spec }: StorageVersionMigration,
  { spec: old }: Readonly<StorageVersionMigration>,
): FieldError[] => [
  ...immutable('spec.resource.group', spec.resource.group, old.resource.group),
  ...immutable('spec.resource.resource', spec.resource.resource, old.resource.resource),
];

const isTrue = ({ status }: Readonly<StorageVersionMigration>, type: string): boolean =>
  (status?.conditions ?? []).some((condition) => condition.type === type && condition.status === 'True');

export function validateMigrationStatus(
  migration: StorageVersionMigration,
  old: Readonly<StorageVersionMigration>,
): FieldError[] {
  const { conditions, resourceVersion: version = '' } = migration.status ?? {};
  const path = 'status.conditions';
  const wrong = (text: string) => invalidValue(path, conditions ?? null, text);
  const [succeeded, failed, running] = ['Succeeded', 'Failed', 'Running'].map((type) => isTrue(migration, type));
  const errors = [...resourceVersion(version, old.status?.resourceVersion), ...validateConditions(conditions, path)];
  if (succeeded && failed) errors.push(wrong('Both success and failed conditions cannot be true at the same time'));
  if (succeeded && running) errors.push(wrong('Running condition cannot be true when success condition is true'));
  if (failed && running) errors.push(wrong('Running condition cannot be true when failed condition is true'));
  if (isTrue(old, 'Succeeded') && !succeeded)
    errors.push(wrong('Success condition cannot be set to false once it is true'));
  if (isTrue(old, 'Failed') && !failed) errors.push(wrong('Failed condition cannot be set to false once it is true'));
  return errors;
}

/** The version that everything was read at: a number that stays. */
function resourceVersion(version: string, old = ''): FieldError[] {
  const path = 'status.resourceVersion';
  const errors: FieldError[] = [];
  if (version && !/^[-+]?\d+$/.test(version)) {
    const quoted = JSON.stringify(version);
    const text = `failed to parse resource version ${quoted}: strconv.ParseInt: parsing ${quoted}: invalid syntax`;
    errors.push(invalidValue(path, version, text));
  } else if (version.startsWith('-'))
    errors.push(invalidValue(path, Number(version), 'must be greater than or equal to 0'));
  if (old && old !== version) errors.push(invalidValue(path, version, 'cannot be updated'));
  return errors;
}

const versionText =
  "a DNS-1035 label, which must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character";

/** `[group/]version`. */
function apiVersion(value: string): string[] {
  const parts = value.split('/');
  if (parts.length > 2) {
    const text = patternText(versionText, '[a-z]([-a-z0-9]*[a-z0-9])?', 'my-name', 'abc-123');
    return [`an apiVersion is ${text} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyVersion')`];
  }
  const [version = '', group] = parts.reverse();
  const of = (part: string, text: string, wrong: string[]) =>
    (text ? wrong : ['must be non-empty']).map((one) => `${part} part: ${one}`);
  return [
    ...(group === undefined ? [] : of('group', group, dns1123Subdomain(group))),
    ...of('version', version, dns1035Label(version)),
  ];
}

const versionErrors = (path: string, value: string): FieldError[] => {
  const wrong = apiVersion(value);
  return wrong.length > 0 ? [invalidValue(path, value, wrong.join(','))] : [];
};

function ofServer(server: ServerStorageVersion, path: string): FieldError[] {
  const decodable = server.decodableVersions ?? [];
  const encoding = server.encodingVersion ?? '';
  const at = child(path, 'decodableVersions');
  return [
    ...keyFormatted(child(path, 'apiServerID'), server.apiServerID ?? '', dns1123Subdomain),
    ...versionErrors(child(path, 'encodingVersion'), encoding),
    ...each(decodable, at, (version, p) => versionErrors(p, version)),
    ...(decodable.includes(encoding)
      ? []
      : [
          invalidValue(
            at,
            server.decodableVersions ?? null,
            `decodableVersions must include encodingVersion ${encoding}`,
          ),
        ]),
    ...each(server.servedVersions, child(path, 'servedVersions'), (version, p) => versionErrors(p, version)),
  ];
}

/** What all servers write, where they agree. */
function common({ storageVersions = [], commonEncodingVersion: told }: StorageVersion['status']): FieldError[] {
  const path = 'status.commonEncodingVersion';
  const all = new Set(storageVersions.map(({ encodingVersion }) => encodingVersion));
  const [actual] = all.size === 1 ? all : [];
  if (actual === told) return [];
  if (actual === undefined) {
    const text =
      'should be nil if servers do not agree on the same encoding version, or if there is no server reporting the supported versions yet';
    return [invalidValue(path, told, text)];
  }
  const text = told === undefined ? 'the common encoding version is' : 'the actual common encoding version is';
  return [invalidValue(path, told ?? null, `${text} ${actual}`)];
}

function conditionErrors(list: readonly StorageVersionCondition[] | undefined): FieldError[] {
  const types = (list ?? []).map(({ type }) => type);
  // Kubernetes leaves the member's name out of these paths.
  return each(list, 'status', ({ type, status, reason, message }, p, i) => {
    const first = types.lastIndexOf(type, i - 1);
    const again = `the type of the condition is not unique, it also appears in conditions[${first}]`;
    return [
      ...(i > 0 && first >= 0 ? [invalidValue(child(p, 'type'), type, again)] : []),
      ...keyFormatted(child(p, 'type'), type, qualifiedName),
      ...keyFormatted(child(p, 'status'), status, qualifiedName),
      ...(reason ? [] : [required(child(p, 'reason'), 'reason cannot be empty')]),
      ...(message ? [] : [required(child(p, 'message'), 'message cannot be empty')]),
    ];
  });
}

export function validateStorageVersion({ status }: StorageVersion): FieldError[] {
  const servers = status?.storageVersions;
  const ids = (servers ?? []).map(({ apiServerID }) => apiServerID);
  return [
    ...each(servers, 'status.storageVersions', (server, p, i) => [
      ...ofServer(server, p),
      ...(ids.indexOf(server.apiServerID) < i ? [duplicate(child(p, 'apiServerID'), server.apiServerID)] : []),
    ]),
    ...common(status ?? {}),
    ...conditionErrors(status?.conditions),
  ];
}
