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
const match = object({
  path,
  headers: listBy(
    'name',
    object({ type: matchType, name: token, value: text({ minLength: 1, maxLength: 4096 }) }, ['name', 'value']),
    16,
  ),
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
const filter = object(
  {
    type: oneOf([
      ...['RequestHeaderModifier', 'ResponseHeaderModifier', 'RequestMirror', 'RequestRedirect', 'URLRewrite'],
      'ExtensionRef',
    ]),
    requestHeaderModifier: headerFilter,
    responseHeaderModifier: headerFilter,
    requestMirror: object({ backendRef: object(backend, ['name'], needsPort) }, ['backendRef']),
    requestRedirect: object({
      scheme: oneOf(['http', 'https']),
      hostname: preciseHostname,
      path: pathModifier,
      port,
      statusCode: { type: 'integer', enum: [301, 302, 303, 307, 308], default: 302 },
    }),
    urlRewrite: object({ hostname: preciseHostname, path: pathModifier }),
    extensionRef: object({ group, kind, name: name() }, ['group', 'kind', 'name']),
  },
  ['type'],
  rules(
    rule(
      "self.type == 'RequestHeaderModifier' ? has(self.requestHeaderModifier) : !has(self.requestHeaderModifier)",
      'filter.requestHeaderModifier must be specified for RequestHeaderModifier filter.type, and for no other',
    ),
    rule(
      "self.type == 'ResponseHeaderModifier' ? has(self.responseHeaderModifier) : !has(self.responseHeaderModifier)",
      'filter.responseHeaderModifier must be specified for ResponseHeaderModifier filter.type, and for no other',
    ),
    rule(
      "self.type == 'RequestRedirect' ? has(self.requestRedirect) : !has(self.requestRedirect)",
      'filter.requestRedirect must be specified for RequestRedirect filter.type, and for no other',
    ),
    rule(
      "self.type == 'URLRewrite' ? has(self.urlRewrite) : !has(self.urlRewrite)",
      'filter.urlRewrite must be specified for URLRewrite filter.type, and for no other',
    ),
  ),
);
const backendRef = object(
  {
    ...backend,
    weight: { type: 'integer', format: 'int32', minimum: 0, maximum: 1_000_000, default: 1 },
    filters: list(filter, 16),
  },
  ['name'],
  needsPort,
);
const routeRule = object({
  name: sectionName,
  matches: def(list(match, 64), [{ path: { type: 'PathPrefix', value: '/' } }]),
  filters: list(
    filter,
    16,
    rules(
      rule(
        "!(self.exists(f, f.type == 'RequestRedirect') && self.exists(f, f.type == 'URLRewrite'))",
        'May specify either httpRouteFilterRequestRedirect or httpRouteFilterRequestRewrite, but not both',
      ),
    ),
  ),
  backendRefs: list(backendRef, 16),
  timeouts: object({ request: duration, backendRequest: duration }),
});

/** Spec and status of an HTTPRoute. */
export const routeSchema = {
  spec: object({
    parentRefs: list(parentRef, 32),
    hostnames: list(hostname, 16),
    rules: def(list(routeRule, 16), [{ matches: [{ path: { type: 'PathPrefix', value: '/' } }] }]),
  }),
  status: object(
    { parents: list(object({ parentRef, controllerName, conditions }, ['parentRef', 'controllerName']), 32) },
    ['parents'],
  ),
};
