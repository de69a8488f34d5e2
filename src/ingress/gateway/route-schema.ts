import {
  conditions,
  controllerName,
  duration,
  group,
  hostname,
  kind,
  list,
  listBy,
  name,
  namespace,
  object,
  oneOf,
  parentRef,
  port,
  preciseHostname,
  rule,
  rules,
  type Schema,
  sectionName,
  text,
  token,
} from './schema.ts';

const def = (schema: Schema, value: unknown): Schema => ({ ...schema, default: value });

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'];
const matchType = def(oneOf(['Exact', 'RegularExpression']), 'Exact');
const path = def(
  object(
    {
      type: def(oneOf(['Exact', 'PathPrefix', 'RegularExpression']), 'PathPrefix'),
      value: def(text({ maxLength: 1024 }), '/'),
    },
    [],
    rules(
      rule(
        "(self.type in ['Exact','PathPrefix']) ? self.value.startsWith('/') : true",
        "value must be an absolute path and start with '/' when type one of ['Exact', 'PathPrefix']",
      ),
      rule(
        "(self.type in ['Exact','PathPrefix']) ? !self.value.contains('//') : true",
        "must not contain '//' when type one of ['Exact', 'PathPrefix']",
      ),
    ),
  ),
  { type: 'PathPrefix', value: '/' },
);
const headersMatch = listBy(
  'name',
  object({ type: matchType, name: token, value: text({ minLength: 1, maxLength: 4096 }) }, ['name', 'value']),
  16,
);
const match = object({
  path,
  headers: headersMatch,
  queryParams: listBy(
    'name',
    object({ type: matchType, name: token, value: text({ minLength: 1, maxLength: 1024 }) }, ['name', 'value']),
    16,
  ),
  method: oneOf(methods),
});

const header = object({ name: token, value: text({ minLength: 1, maxLength: 4096 }) }, ['name', 'value']);
const headerFilter = object({
  set: listBy('name', header, 16),
  add: listBy('name', header, 16),
  remove: list(text(), 16, { 'x-kubernetes-list-type': 'set' } as Schema),
});
const pathModifier = object(
  {
    type: oneOf(['ReplaceFullPath', 'ReplacePrefixMatch']),
    replaceFullPath: text({ maxLength: 1024 }),
    replacePrefixMatch: text({ maxLength: 1024 }),
  },
  ['type'],
  rules(
    rule(
      "self.type == 'ReplaceFullPath' ? has(self.replaceFullPath) : true",
      "replaceFullPath must be specified when type is set to 'ReplaceFullPath'",
    ),
    rule(
      "self.type == 'ReplacePrefixMatch' ? has(self.replacePrefixMatch) : true",
      "replacePrefixMatch must be specified when type is set to 'ReplacePrefixMatch'",
    ),
  ),
);
const backend = {
  group: def(group, ''),
  kind: def(kind, 'Service'),
  namespace,
  name: name(),
  port,
};
const needsPort = rules(
  rule(
    "(size(self.group) == 0 && self.kind == 'Service') ? has(self.port) : true",
    'Must have port for Service reference',
  ),
);
const fraction = object(
  {
    numerator: { type: 'integer', format: 'int32', minimum: 0 },
    denominator: { type: 'integer', format: 'int32', minimum: 1, default: 100 },
  },
  ['numerator'],
  rules(rule('self.numerator <= self.denominator', 'numerator must be less than or equal to denominator')),
);
const requestMirror = object(
  {
    backendRef: object(backend, ['name'], needsPort),
    percent: { type: 'integer', format: 'int32', minimum: 0, maximum: 100 },
    fraction,
  },
  ['backendRef'],
  rules(rule('!(has(self.percent) && has(self.fraction))', 'Only one of percent or fraction may be specified')),
);
const requestRedirect = object({
  scheme: oneOf(['http', 'https']),
  hostname: preciseHostname,
  path: pathModifier,
  port,
  statusCode: { type: 'integer', enum: [301, 302, 303, 307, 308], default: 302 },
});

/** Filters of every kind of route, and those that only HTTP has. */
const filters = {
  RequestHeaderModifier: headerFilter,
  ResponseHeaderModifier: headerFilter,
  RequestMirror: requestMirror,
};
const httpFilters = {
  ...filters,
  RequestRedirect: requestRedirect,
  URLRewrite: object({ hostname: preciseHostname, path: pathModifier }),
};

const fieldOf = (type: string): string =>
  type === 'URLRewrite' ? 'urlRewrite' : `${type.slice(0, 1).toLowerCase()}${type.slice(1)}`;

const filterOf = (known: Record<string, Schema>): Schema =>
  object(
    {
      type: oneOf([...Object.keys(known), 'ExtensionRef']),
      ...Object.fromEntries(Object.entries(known).map(([type, schema]) => [fieldOf(type), schema])),
      extensionRef: object({ group, kind, name: name() }, ['group', 'kind', 'name']),
    },
    ['type'],
    rules(
      ...Object.keys(known).map((type) =>
        rule(
          `self.type == '${type}' ? has(self.${fieldOf(type)}) : !has(self.${fieldOf(type)})`,
          `filter.${fieldOf(type)} must be specified for ${type} filter.type, and for no other`,
        ),
      ),
    ),
  );
const redirectOrRewrite = rules(
  rule(
    "!(self.exists(f, f.type == 'RequestRedirect') && self.exists(f, f.type == 'URLRewrite'))",
    'May specify either httpRouteFilterRequestRedirect or httpRouteFilterRequestRewrite, but not both',
  ),
);
const backendRefOf = (filterList: Schema): Schema =>
  object(
    {
      ...backend,
      weight: { type: 'integer', format: 'int32', minimum: 0, maximum: 1_000_000, default: 1 },
      filters: filterList,
    },
    ['name'],
    needsPort,
  );

const httpFilterList = list(filterOf(httpFilters), 16, redirectOrRewrite);
const httpRule = object({
  name: sectionName,
  matches: def(list(match, 64), [{ path: { type: 'PathPrefix', value: '/' } }]),
  filters: httpFilterList,
  backendRefs: list(backendRefOf(httpFilterList), 16),
  timeouts: object({ request: duration, backendRequest: duration }),
});

const call = object(
  {
    type: matchType,
    service: text({ maxLength: 1024 }),
    method: text({ maxLength: 1024 }),
  },
  [],
  rules(
    rule(
      'has(self.type) ? has(self.service) || has(self.method) : true',
      "One or both of 'service' or 'method' must be specified",
    ),
    rule(
      "(!has(self.type) || self.type == 'Exact') && has(self.service) ? self.service.matches(r'^(?i)\\.?[a-z_][a-z_0-9]*(\\.[a-z_][a-z_0-9]*)*$') : true",
      'service must only contain letters, digits, underscores and dots',
    ),
    rule(
      "(!has(self.type) || self.type == 'Exact') && has(self.method) ? self.method.matches('^[A-Za-z_][A-Za-z_0-9]*$') : true",
      'method must only contain letters, digits and underscores',
    ),
  ),
);
const grpcFilterList = list(filterOf(filters), 16);
const grpcRule = object({
  name: sectionName,
  matches: list(object({ method: call, headers: headersMatch }), 64),
  filters: grpcFilterList,
  backendRefs: list(backendRefOf(grpcFilterList), 16),
});

const routeSchema = (routeRules: Schema): { spec: Schema; status: Schema } => ({
  spec: object({ parentRefs: list(parentRef, 32), hostnames: list(hostname, 16), rules: routeRules }),
  status: object(
    { parents: list(object({ parentRef, controllerName, conditions }, ['parentRef', 'controllerName']), 32) },
    ['parents'],
  ),
});

/** Spec and status of an HTTPRoute. */
export const httpRouteSchema = routeSchema(
  def(list(httpRule, 16), [{ matches: [{ path: { type: 'PathPrefix', value: '/' } }] }]),
);
/** Spec and status of a GRPCRoute. */
export const grpcRouteSchema = routeSchema(list(grpcRule, 16));
