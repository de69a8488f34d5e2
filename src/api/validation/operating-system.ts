import type { PodSpec, WindowsSecurityContextOptions } from '../generated/types.ts';
import { dns1123Subdomain } from '../meta/name-format.ts';
import { child, type FieldError, forbidden, invalidValue, notSupported, required } from './check.ts';
import { eachContainer } from './each-container.ts';

const maxCredentialBytes = 64 * 1024;
const maxDomain = 256;
const maxUser = 104;
const netBiosName = /^[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}$/;
const label = '[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?';
const domainName = new RegExp(`^${label}(?:\\.${label})*$`);
const controlCharacter = /\p{Cc}/u;

/** What is wrong with a Windows user, `[DOMAIN\]USER`. */
function userProblems(name: string): string[] {
  if (name === '') return ['runAsUserName cannot be an empty string'];
  if (controlCharacter.test(name)) return ['runAsUserName cannot contain control characters'];
  const parts = name.split('\\');
  if (parts.length > 2) return ['runAsUserName cannot contain more than one backslash'];
  const [user = '', domain] = parts.reverse();
  const problems: [boolean, string][] = [
    [(domain?.length ?? 0) >= maxDomain, `runAsUserName's Domain length must be under ${maxDomain} characters`],
    [
      domain !== undefined && !netBiosName.test(domain) && !domainName.test(domain),
      "runAsUserName's Domain doesn't match the NetBios nor the DNS format",
    ],
    [user === '', "runAsUserName's User cannot be empty"],
    [user.length > maxUser, `runAsUserName's User length must not be longer than ${maxUser} characters`],
    [/^[. ]+$/.test(user), "runAsUserName's User cannot contain only periods or spaces"],
    [
      /["/\\:;|=,+*?<>@[\]]/.test(user),
      'runAsUserName\'s User cannot contain the following characters: "/\\:;|=,+*?<>@[]',
    ],
  ];
  return problems.filter(([wrong]) => wrong).map(([, text]) => text);
}

export function windowsOptions(options: WindowsSecurityContextOptions | undefined, path: string): FieldError[] {
  if (!options) return [];
  const { gmsaCredentialSpecName: specName, gmsaCredentialSpec: spec, runAsUserName: user } = options;
  const errors: FieldError[] = [];
  const told = (member: string, value: string, texts: string[]) =>
    errors.push(...texts.map((text) => invalidValue(child(path, member), value, text)));
  if (specName !== undefined) told('gmsaCredentialSpecName', specName, dns1123Subdomain(specName));
  if (spec === '') told('gmsaCredentialSpec', spec, ['gmsaCredentialSpec cannot be an empty string']);
  if (spec && spec.length > maxCredentialBytes)
    told('gmsaCredentialSpec', spec, ['gmsaCredentialSpec size must be under 64 KiB']);
  if (user !== undefined) told('runAsUserName', user, userProblems(user));
  return errors;
}

/** Containers that run as the host's processes do so together, and on its network. */
export function validateHostProcess(spec: PodSpec, path: string): FieldError[] {
  const ofPod = spec.securityContext?.windowsOptions?.hostProcess;
  const errors: FieldError[] = [];
  let containers = 0;
  let onHost = 0;
  eachContainer(spec, path, ({ securityContext }, p) => {
    const own = securityContext?.windowsOptions?.hostProcess;
    containers++;
    if (own ?? ofPod) onHost++;
    if (ofPod === undefined || own === undefined || ofPod === own) return;
    const text = `pod hostProcess value must be identical if both are specified, was ${ofPod}`;
    errors.push(invalidValue(child(p, 'securityContext.windowsOptions.hostProcess'), own, text));
  });
  if (onHost === 0) return errors;
  if (onHost !== containers)
    errors.push(
      invalidValue(
        path,
        '',
        'If pod contains any hostProcess containers then all containers must be HostProcess containers',
      ),
    );
  if (!spec.hostNetwork)
    errors.push(
      invalidValue(
        child(path, 'hostNetwork'),
        false,
        'hostNetwork must be true if pod contains any hostProcess containers',
      ),
    );
  return errors;
}

/** What Windows does not have, by where it stands. */
const foreign = {
  spec: ['hostUsers', 'hostPID', 'hostIPC', 'shareProcessNamespace'],
  pod: [
    'appArmorProfile',
    'seLinuxOptions',
    'seccompProfile',
    'fsGroup',
    'fsGroupChangePolicy',
    'sysctls',
    'runAsUser',
    'runAsGroup',
    'supplementalGroups',
    'supplementalGroupsPolicy',
    'seLinuxChangePolicy',
  ],
  container: [
    'appArmorProfile',
    'seLinuxOptions',
    'seccompProfile',
    'capabilities',
    'readOnlyRootFilesystem',
    'privileged',
    'allowPrivilegeEscalation',
    'procMount',
    'runAsUser',
    'runAsGroup',
  ],
};

function barred(members: readonly string[], object: object | undefined, path: string): FieldError[] {
  const given = (object ?? {}) as Record<string, unknown>;
  // The shares with the node are plain booleans: false is not set.
  const plain = (name: string) => given[name] === false && /^host(PID|IPC)$/.test(name);
  return members
    .filter((name) => given[name] !== undefined && !plain(name))
    .map((name) => forbidden(child(path, name), 'cannot be set for a windows pod'));
}

/** A pod that names its system has only what that system has. */
export function validateSystem(spec: PodSpec, path: string): FieldError[] {
  if (!spec.os) return [];
  const { name } = spec.os;
  const errors: FieldError[] = [];
  const context = child(path, 'securityContext');
  if (!name) return [required(child(path, 'os.name'), 'cannot be empty')];
  if (name === 'windows') {
    errors.push(...barred(foreign.spec, spec, path), ...barred(foreign.pod, spec.securityContext, context));
    eachContainer(spec, path, (container, p) => {
      errors.push(...barred(foreign.container, container.securityContext, child(p, 'securityContext')));
    });
    return errors;
  }
  if (name !== 'linux') return [notSupported(child(path, 'os'), name, ['linux', 'windows'])];
  const onlyWindows = (p: string) =>
    forbidden(child(p, 'windowsOptions'), 'windows options cannot be set for a linux pod');
  if (spec.securityContext?.windowsOptions) errors.push(onlyWindows(context));
  eachContainer(spec, path, (container, p) => {
    if (container.securityContext?.windowsOptions) errors.push(onlyWindows(child(p, 'securityContext')));
  });
  return errors;
}
