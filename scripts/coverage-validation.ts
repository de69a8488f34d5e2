import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { withoutIndexes } from './coverage-numbers.ts';

/** A rule of the facts: the group whose code it is in, the type of its error, and the last part of its path. */
export type Rule = [group: string, type: string, field: string];

/** One cause of a refusal that our server repeats. */
interface Cause {
  group: string;
  type: string;
  field: string;
}

/**
 * Paths that Kubernetes builds in a local variable stand in the facts by that variable's name; here is what they are in
 * messages. `[]` is an element of a list itself. A rule without a field stands by what its function is called for, where
 * another rule is about that, too.
 */
const locals: Record<string, Record<string, string[]>> = {
  core: {
    idx: ['[]'],
    port: ['ports'],
    ingr: ['ingress'],
    sa: ['serviceAccountToken'],
    src: ['sources'],
    proj: ['clusterTrustBundle', 'podCertificate'],
    req: ['requests'],
    lim: ['limits'],
    field: ['LoadBalancerSourceRanges'],
    resourcesFld: ['resources'],
    rmFld: ['requestMappings'],
    termFld: ['nodeSelectorTerms'],
    fldpath: ['initContainerStatuses'],
    clusterIPsField: ['clusterIPs'],
    podIPsField: ['podIPs'],
    hostIPsField: ['hostIPs'],
    resizeStatus: ['allocatedResourceStatus'],
    'Child(lcName)': ['name', 'ports', 'lifecycle', 'resources'],
    'annotations, annotation)': ['io/storage-class'],
  },
  apps: { MaxUn: ['maxUnavailable'] },
  // `items.properties[key].type`: the facts leave out what comes after a key.
  apiextensions: { properties: ['type'] },
  batch: { p: ['uncountedTerminatedPods', 'succeeded', 'failed'], value: ['values'], rule: ['rules'] },
  certificates: {
    beginRefresh: ['beginRefreshAt'],
    path: ['trustBundle'],
    certChain: ['certificateChain'],
    pkix: ['pkixPublicKey'],
    pop: ['proofOfPossession'],
    pkcs10Req: ['stubPKCS10Request'],
    'conditions, formatIndex(i), type': ['type'],
    'conditions, formatIndex(i), status': ['status'],
  },
  coordination: { fld: ['leaseDurationSeconds', 'leaseTransitions', 'pingTime', 'renewTime'] },
  discovery: {
    address: ['addresses'],
    nn: ['nodeName'],
    node: ['forNodes', 'name'],
    zone: ['forZones', 'name'],
    fn: ['forNodes'],
    fz: ['forZones'],
    topology: ['deprecatedTopology'],
  },
  flowcontrol: {
    '': ['nonResourceURLs'],
    'Child(getVersionedFieldNameForConcurrencyShares(requestGV))': ['nominalConcurrencyShares'],
  },
  networking: {
    peer: ['from', 'to'],
    annotation: ['annotations', 'class'],
    policy: ['policyTypes'],
    field: ['parentRef'],
  },
  rbac: { field: ['clusterRoleSelectors'] },
  resource: { '': ['requestPolicy'], countFld: ['count'], allocModeFld: ['allocationMode'], child: ['[]'] },
  autoscaling: { 'Child(typ)': ['resource', 'pods', 'object', 'external', 'containerResource'] },
};

/** Code that other groups' kinds go through. */
const shared = ['core', 'meta'];

const lastOf = (field: string): string => withoutIndexes(field).split('.').at(-1) ?? '';

/** What a rule's field can be called in a message; the facts leave a last `Path` out. */
const namesOf = ([group, , field]: Rule): string[] => [
  field,
  `${field}Path`,
  field.replace(/Field$/, ''),
  ...(locals[group]?.[field] ?? []),
];

/**
 * Which rules are shown. A cause shows the rule of its type at its field, in its kind's group; when that has none, in the
 * groups whose code all share. A rule without a field is about the path that its function was given: it is shown by a cause
 * that no other rule of the group explains.
 */
export function rulesShown(rules: readonly Rule[], causes: readonly Cause[]): boolean[] {
  const shown = new Set<number>();
  /** `asWhole`: no other group has a rule without a field for it. */
  const explains = (group: string, { type, field }: Cause, asWhole: boolean): 'field' | 'whole' | undefined => {
    let found = false;
    let whole = -1;
    const last = lastOf(field);
    for (const [i, rule] of rules.entries()) {
      if (rule[0] !== group || rule[1] !== type) continue;
      if (rule[2] === '') whole = i;
      if (!namesOf(rule).includes(last) && !(field.endsWith(']') && namesOf(rule).includes('[]'))) continue;
      shown.add(i);
      if (rule[2] !== '') found = true;
    }
    if (found) return 'field';
    if (whole < 0 || !asWhole) return undefined;
    shown.add(whole);
    return 'whole';
  };
  for (const cause of causes) {
    const own = explains(cause.group, cause, true);
    if (own === 'field') continue;
    for (const group of shared) if (group !== cause.group && explains(group, cause, !own) === 'field') break;
  }
  return rules.map((_rule, i) => shown.has(i));
}

const groupOf = (resource: string): string => resource.split('.')[1] ?? 'core';

const typeOf = (reason: string): string => reason.replace(/^FieldValue/, '').replace(/^InternalError$/, 'Internal');

interface Line {
  of?: string;
  resource?: string;
  group?: string;
  causes?: (string | [string, string, string])[];
}

/** The causes of all refusals that tests compare with what our server says: recorded ones, and those of our own cases. */
export function shownCauses(root: string): Cause[] {
  const cases = join(root, 'src/apiserver/refusals/testdata');
  const files = [
    join(root, 'src/api/validation/testdata/invalid.jsonl'),
    ...readdirSync(cases)
      .filter((name) => name.endsWith('.jsonl'))
      .map((name) => join(cases, name)),
  ];
  return files.flatMap((file) =>
    readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .flatMap((text) => {
        const { of, resource, group = groupOf(of ?? resource ?? ''), causes = [] } = JSON.parse(text) as Line;
        return causes.map((cause) => {
          const [, reason = '', field = ''] =
            typeof cause === 'string' ? (/^(\S+) (.*?): /s.exec(cause) ?? []) : ['', ...cause];
          return { group, type: typeOf(reason), field };
        });
      }),
  );
}
