/** A write that a transcript took for granted: method, path, body. */
export type Step = [method: 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: unknown];

type Json = Record<string, unknown>;

const core = (namespace: string, rest: string): string => `/api/v1/namespaces/${namespace}/${rest}`;
const apps = (namespace: string, rest: string): string => `/apis/apps/v1/namespaces/${namespace}/${rest}`;
const batch = (namespace: string, rest: string): string => `/apis/batch/v1/namespaces/${namespace}/${rest}`;
const rbac = (namespace: string, rest: string): string =>
  `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/${rest}`;
const at = (name: string, metadata: Json = {}): Json => ({ name, ...metadata });

const container = { name: 'c', image: 'busybox' };
const template = (labels: Json, spec: Json = {}): Json => ({
  metadata: { labels },
  spec: { containers: [container], ...spec },
});
const selecting = (labels: Json): Json => ({ selector: { matchLabels: labels }, template: template(labels) });
const configMap = (namespace: string, name: string, metadata: Json = {}, rest: Json = {}): Step => [
  'POST',
  core(namespace, 'configmaps'),
  { metadata: at(name, metadata), ...rest },
];
const pod = (namespace: string, name: string, spec: Json = {}, metadata: Json = {}): Step => [
  'POST',
  core(namespace, 'pods'),
  { metadata: at(name, metadata), spec: { containers: [container], ...spec } },
];
const elsewhere = { nodeSelector: { n: 'x' } };

/** Some transcripts begin in namespaces with content. */
export const namespacesOf: Record<string, string[]> = {
  apply: ['app'],
  defaults: ['def'],
  delete: ['del', 'dn'],
  errors: ['err'],
  patch: ['pat'],
  subresources: ['sub'],
  tables: ['def'],
  watch: ['wat'],
};

const hard = { configmaps: '3', 'requests.cpu': '1' };
/** What the quota controller has counted. */
const fullQuota: Step[] = [
  ['POST', core('err', 'resourcequotas'), { metadata: at('q'), spec: { hard } }],
  [
    'PATCH',
    core('err', 'resourcequotas/q/status'),
    { status: { hard, used: { configmaps: '3', 'requests.cpu': '0' } } },
  ],
];

const janesRole: Step[] = [
  [
    'POST',
    rbac('err', 'roles'),
    {
      metadata: at('jane'),
      rules: [
        { apiGroups: [''], resources: ['pods'], verbs: ['list'] },
        { apiGroups: ['rbac.authorization.k8s.io'], resources: ['roles', 'rolebindings'], verbs: ['create'] },
      ],
    },
  ],
  [
    'POST',
    rbac('err', 'rolebindings'),
    {
      metadata: at('jane'),
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'jane' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'jane' }],
    },
  ],
];

const limits: Step = [
  'POST',
  core('err', 'limitranges'),
  { metadata: at('l'), spec: { limits: [{ type: 'Container', max: { cpu: '1' }, default: { cpu: '500m' } }] } },
];

const immutables: Step[] = [
  pod('err', 'x', elsewhere),
  ['POST', core('err', 'services'), { metadata: at('x'), spec: { ports: [{ port: 1 }] } }],
  ['POST', apps('err', 'deployments'), { metadata: at('x'), spec: { replicas: 0, ...selecting({ app: 'a' }) } }],
  [
    'POST',
    apps('err', 'statefulsets'),
    { metadata: at('x'), spec: { replicas: 0, serviceName: 's', ...selecting({ app: 'a' }) } },
  ],
  ['POST', apps('err', 'daemonsets'), { metadata: at('x'), spec: selecting({ app: 'a' }) }],
  [
    'POST',
    batch('err', 'jobs'),
    { metadata: at('x'), spec: { template: { spec: { containers: [container], restartPolicy: 'Never' } } } },
  ],
  configMap('err', 'imm', {}, { immutable: true, data: { a: 'b' } }),
  ['POST', core('err', 'secrets'), { metadata: at('imm'), immutable: true }],
  [
    'POST',
    core('err', 'persistentvolumeclaims'),
    {
      metadata: at('x'),
      spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'a', resources: { requests: { storage: '1Gi' } } },
    },
  ],
  [
    'POST',
    rbac('err', 'rolebindings'),
    {
      metadata: at('rw'),
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'r' },
      subjects: [],
    },
  ],
  ['POST', '/api/v1/nodes', { metadata: at('d-node'), spec: { podCIDR: '1.1.1.0/24', podCIDRs: ['1.1.1.0/24'] } }],
];

const patchedDeployment: Step = [
  'POST',
  apps('pat', 'deployments'),
  {
    metadata: at('d', { finalizers: ['x.io/a'] }),
    spec: {
      replicas: 0,
      selector: { matchLabels: { app: 'a' } },
      template: {
        metadata: { labels: { app: 'a' } },
        spec: {
          volumes: [
            { name: 'v', emptyDir: {} },
            { name: 'w', configMap: { name: 'q' } },
          ],
          containers: [
            {
              name: 'c',
              image: 'a:1',
              args: ['1', '2'],
              ports: [{ containerPort: 80 }, { containerPort: 81 }],
              env: [
                { name: 'A', value: '1' },
                { name: 'B', value: '2' },
              ],
              volumeMounts: [{ name: 'v', mountPath: '/a' }],
            },
            { name: 'd', image: 'd:1' },
          ],
          nodeSelector: { n: 'x' },
          tolerations: [{ key: 'k', operator: 'Exists' }],
        },
      },
    },
  },
];

const patchedPod: Step = pod(
  'pat',
  'p',
  {
    ...elsewhere,
    containers: [
      {
        name: 'c',
        image: 'a:1',
        ports: [{ containerPort: 80 }, { containerPort: 81 }],
        env: [
          { name: 'A', value: '1' },
          { name: 'B', value: '2' },
        ],
      },
    ],
  },
  { finalizers: ['x.io/a'] },
);

const scaled = (path: string, name: string): Step => [
  'POST',
  path,
  {
    metadata: at(name),
    spec: { replicas: 0, selector: { matchLabels: { app: 'a' } }, template: template({ app: 'a' }, elsewhere) },
  },
];

/** By file and exchange: what is to be done just before it. */
export const preparations: Record<string, Record<string, Step[]>> = {
  delete: {
    delete: [configMap('del', 'a')],
    'delete-dryrun': [configMap('del', 'a')],
    'fin-delete': [configMap('del', 'f', { finalizers: ['x.io/a', 'x.io/b'] })],
    ...Object.fromEntries(
      ['background', 'foreground', 'orphan', 'dflt'].map((name): [string, Step[]] => [
        name === 'dflt' ? 'delete-default-policy' : `delete-${name}`,
        [
          [
            'POST',
            apps('del', 'deployments'),
            { metadata: at(name), spec: { ...selecting({ d: name }), template: template({ d: name }, elsewhere) } },
          ],
        ],
      ]),
    ),
    'collection-dryrun': [0, 1, 2].map((i) => configMap('del', `m${i}`, { labels: { i: String(i), m: 'y' } })),
    'ns-get': [configMap('dn', 'k', { finalizers: ['x.io/a'] })],
  },
  errors: {
    'user-allowed': janesRole,
    'quota-exceeded-0': fullQuota,
    'limitrange-max': [['DELETE', core('err', 'resourcequotas/q')], limits],
    'immutable-pod-spec': [['DELETE', core('err', 'limitranges/l')], ...immutables],
  },
  patch: {
    'json-add': [
      configMap('pat', 'c', { labels: { a: 'b' }, annotations: { 'n/x': 'y' } }, { data: { k: 'v', k2: 'v2' } }),
    ],
    base: [patchedDeployment],
    'strategic-ownerrefs': [configMap('pat', 'o')],
    'strategic-ownerrefs-delete': [['DELETE', core('pat', 'configmaps/o')]],
    'pod-image': [patchedPod],
  },
  subresources: {
    'scale-get': [
      scaled(apps('sub', 'deployments'), 'd'),
      [
        'POST',
        core('sub', 'replicationcontrollers'),
        { metadata: at('rc'), spec: { replicas: 0, selector: { app: 'a' }, template: template({ app: 'a' }) } },
      ],
      scaled(apps('sub', 'statefulsets'), 's'),
      pod('sub', 'p', elsewhere, { labels: { app: 'b' } }),
    ],
    'evict-pdb-not-observed-or-429': [
      [
        'PATCH',
        '/apis/policy/v1/namespaces/sub/poddisruptionbudgets/b/status',
        {
          status: {
            observedGeneration: 1,
            disruptionsAllowed: 0,
            currentHealthy: 1,
            desiredHealthy: 1,
            expectedPods: 1,
          },
        },
      ],
      ['PATCH', core('sub', 'pods/p/status'), { status: { phase: 'Running' } }],
    ],
    'evict-two-pdbs': [
      [
        'POST',
        '/apis/policy/v1/namespaces/sub/poddisruptionbudgets',
        { metadata: at('b2'), spec: { minAvailable: 1, selector: { matchLabels: { app: 'b' } } } },
      ],
    ],
    'evict-ok': [
      ['DELETE', '/apis/policy/v1/namespaces/sub/poddisruptionbudgets/b'],
      ['DELETE', '/apis/policy/v1/namespaces/sub/poddisruptionbudgets/b2'],
    ],
    'bind-bad-target': [pod('sub', 'bp', { ...elsewhere, schedulerName: 'none' })],
    'log-no-container': [
      pod('sub', 'un', {
        ...elsewhere,
        initContainers: [{ name: 'i', image: 'busybox' }],
        containers: [container, { name: 'd', image: 'busybox' }],
      }),
      [
        'POST',
        core('sub', 'services'),
        { metadata: at('sv'), spec: { ports: [{ port: 80 }], selector: { a: 'none' } } },
      ],
    ],
  },
  watch: {
    list: [0, 1, 2, 3, 4].map((i) => configMap('wat', `p${i}`, { labels: { i: String(i), l: 'y' } })),
    'watch-selector-enter-leave': [
      ['PATCH', core('wat', 'configmaps/p1'), { metadata: { labels: { sel: 'yes' } } }],
      ['PATCH', core('wat', 'configmaps/p1'), { data: { in: '1' } }],
      ['PATCH', core('wat', 'configmaps/p1'), { metadata: { labels: { sel: 'no' } } }],
      ['PATCH', core('wat', 'configmaps/p1'), { data: { out: '1' } }],
      ['PATCH', core('wat', 'configmaps/p1'), { metadata: { labels: { sel: 'yes' } } }],
      ['DELETE', core('wat', 'configmaps/p1')],
    ],
    'deprecated-watch-path': [['PATCH', core('wat', 'configmaps/p2'), { data: { t: '1' } }]],
    'graceful-delete': [['POST', '/api/v1/nodes', { metadata: at('wnode') }], pod('wat', 'g', { nodeName: 'wnode' })],
  },
};

/** By file and exchange: what is to be done while the watch is open. */
export const during: Record<string, Record<string, Step[]>> = {
  watch: {
    'watch-no-rv': [['PATCH', core('wat', 'configmaps/p0'), { data: { a: '1' } }]],
    'watch-finalizer-delete': [
      configMap('wat', 'fin', { finalizers: ['x.io/a'] }),
      ['DELETE', core('wat', 'configmaps/fin')],
      ['PATCH', core('wat', 'configmaps/fin'), { metadata: { finalizers: null } }],
    ],
  },
};
