/** `/apis`, as far as it is read here. */
export interface GroupList {
  groups: { name: string; versions: { groupVersion: string }[] }[];
}

const fixed = [
  '/.well-known/openid-configuration',
  '/api',
  '/api/v1',
  '/apis',
  '/apis/',
  '/debug/api_priority_and_fairness/dump_priority_levels',
  '/debug/api_priority_and_fairness/dump_queues',
  '/debug/api_priority_and_fairness/dump_requests',
  '/flagz',
  '/healthz',
  '/livez',
  '/metrics',
  '/metrics/slis',
  '/openapi/v2',
  '/openapi/v3',
  '/openapi/v3/',
  '/openid/v1/jwks',
  '/readyz',
  '/statusz',
  '/version',
];

/** What is served besides resources: what `/` lists, and who asks for anything else is told. `checks` by health endpoint. */
export function rootPaths({ groups }: GroupList, checks: Readonly<Record<string, readonly string[]>>): string[] {
  const ofGroups = groups.flatMap(({ name, versions }) => [
    `/apis/${name}`,
    ...versions.map(({ groupVersion }) => `/apis/${groupVersion}`),
  ]);
  const ofHealth = Object.entries(checks).flatMap(([endpoint, names]) => names.map((name) => `/${endpoint}/${name}`));
  return [...fixed, ...ofGroups, ...ofHealth].sort();
}
