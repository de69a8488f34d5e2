/**
 * Why an answer may differ from the recorded one.
 * `since`: Kubernetes itself answers otherwise since 1.20 (facts). `place`: what the recorded cluster was made of (controllers,
 * issuer, objects made by hand, order of a cache). `gap`: not as it should be yet. `elsewhere`: not replayed here.
 */
export interface Reason {
  kind: 'since' | 'place' | 'gap' | 'elsewhere';
  why: string;
}

type Rule = [pattern: RegExp, kind: Reason['kind'], why: string];

const elsewhere: Rule[] = [
  [/^tables\/list\//, 'elsewhere', 'rows of the recorded cluster: api/kinds.test.ts replays them'],
  [/^delete\/propagation\/(?:watch|after|owner-missing-gc-after|job-after)/, 'elsewhere', 'the garbage collector'],
  [/^delete\/namespace\/ns-(?:conditions|table|gone)/, 'elsewhere', 'the namespace controller'],
  [/^defaults\/richer\/list-/, 'elsewhere', 'pods that controllers made'],
  [/^watch\/watch\/watch-pod-lifecycle/, 'elsewhere', 'recorded beside the deletions: verbs/verbs.test.ts'],
  [/^watch\/410/, 'elsewhere', 'needs a compaction: verbs/verbs.test.ts and the transport contract'],
  [/^errors\/410\/watch-too-old/, 'elsewhere', 'replays everything before'],
  [/^errors\/413/, 'elsewhere', 'the bodies are not in the record: verbs/verbs.test.ts'],
  [/^discovery\/warnings\/warn-(?!comp|end)/, 'elsewhere', 'versions that are gone'],
  [/PodSecurityPolicy|as-extensions|as-networking\.k8s\.io-v1beta1/, 'elsewhere', 'kinds and versions that are gone'],
  [/FlowSchema|PriorityLevelConfiguration/, 'elsewhere', 'v1beta1 had other fields'],
];

const since: Rule[] = [
  [
    /^errors\/422|reviews\/sar-both/,
    'since',
    'values in errors are shown as JSON, not as Go structs; rules and words have changed',
  ],
  [/^errors\/400\/(?:bad-(?:base64|quantity|time)|type-mismatch|delete-bad-options)/, 'since', 'another JSON decoder'],
  [/^errors\/400\/(?:unknown-field|fieldValidation)/, 'since', 'fields are validated (KEP-2885)'],
  [/^errors\/400\/(?:dryrun-bad|fieldmanager-long|rvmatch-watch|label-selector)/, 'since', 'words have changed'],
  [
    /^errors\/400\/patch-bad-json|^patch\/merge-patch\/merge-(?:null|array)|yaml-merge-patch/,
    'since',
    'patches are decoded strictly',
  ],
  [/^errors\/(?:401|409\/(?:generateName|svc))|^discovery\/discovery\/get_version/, 'since', 'this release'],
  [/^errors\/403\/quota-must-specify/, 'since', 'the containers are named'],
  [/^errors\/406/, 'since', 'the router lists what it has'],
  [
    /^patch\/json-patch\/json-(?:replace-missing|escape|empty)|^patch\/merge-patch\/merge-(?:set-null|noop|labels-null|dryrun)/,
    'since',
    'replacing what is not there is refused (RFC 6902)',
  ],
  [/^patch\/.*(?:unknown|bad-type|kind|apiversion-mismatch)/, 'since', 'unknown fields warn, another JSON decoder'],
  [
    /^apply\/|^patch\/strategic\/strategic-conditions|^subresources\/(?:status|eviction\/pdb-get|binding\/bound)/,
    'since',
    'subresources are managers of their own, empty sets stay owned',
  ],
  [
    /^delete\/simple\/dryrun-bad|^delete\/collection\/collection-bad-selector|^delete\/propagation\/(?:owner-|two-)/,
    'since',
    'words have changed',
  ],
  [/^delete\/collection\/collection-services-405/, 'since', 'services can be deleted as a collection'],
  [
    /^delete\/namespace|ns-(?:status|finalize)|-Namespace$|-PersistentVolume(?:Claim)?$/,
    'since',
    'the status is reset before owners are recorded',
  ],
  [/^delete\/propagation\/job|-(?:Job|job-default)$/, 'since', 'prefixed labels of jobs'],
  [
    /^subresources\/token|^subresources\/reviews\/ssrr/,
    'since',
    'token requests are named; the rules of everyone have grown',
  ],
  [/^subresources\/pod-connect\/ephemeral/, 'since', 'the ephemeralcontainers subresource takes pods'],
  [/^tables\/|get-terminating-table|scale-table/, 'since', 'columns have changed'],
  [/-Endpoints$|warn-endpoints|^errors\/422\/endpoints/, 'since', 'endpoints are deprecated'],
  [
    /^discovery\/(?:discovery|bootstrap|methods\/(?:openapi-v[23]|pretty))/,
    'since',
    'other groups, versions and documents',
  ],
  [
    /-(?:ReplicationController|Event|DaemonSet|ds-rolling|CSINode|CustomResourceDefinition|APIService|HorizontalPodAutoscaler-(?:v1|v2beta2)|RoleBinding|ClusterRoleBinding|Ingress|EndpointSlice)$|richer\/get-hpa-as-v2beta2$/,
    'since',
    'newer types: atomic members, later fields',
  ],
];

const place: Rule[] = [
  [
    /^discovery\/(?:health\/|methods\/(?:double-slash|upper-path|swagger))|^errors\/404\/path/,
    'place',
    'the checks and paths of this server: the recorded list is of the one behind the others',
  ],
  [/^discovery\/methods\/(?:metrics|logs|debug)/, 'place', "figures, logs and profiles of a Go program's machine"],
  [
    /^delete\/simple\/precondition|^errors\/409\/rv-precondition/,
    'place',
    'a literal resourceVersion of the recording',
  ],
  [
    /^delete\/propagation\/delete-|^defaults\/|^patch\/strategic\/(?:base|pod-image)/,
    'place',
    'what controllers wrote',
  ],
  [
    /^errors\/40[06]\/(?:bad-apiversion|accept-q)|^errors\/400\/(?:json-string|continue-with-rv|field-selector-name)/,
    'place',
    'how the record keeps bodies and tokens',
  ],
  [/^watch\/(?:list|watch)/, 'place', 'the order of a cache, the count of other objects'],
  [/^errors\/403\/limitrange-defaulted|^subresources\/reviews/, 'place', 'tokens and objects of the recorded cluster'],
];

const gap: Rule[] = [
  [/^discovery\/methods\/openapi-xml/, 'gap', 'a refused media type is told with a Status'],
  [/bad-yaml|patch-apply-cm-json/, 'gap', "YAML errors are another parser's"],
];

const rules: Rule[] = [...elsewhere, ...gap, ...since, ...place];

/** The first reason that fits `file/group/name`. */
export function reasonOf(at: string): Reason | undefined {
  const found = rules.find(([pattern]) => pattern.test(at));
  return found && { kind: found[1], why: found[2] };
}
