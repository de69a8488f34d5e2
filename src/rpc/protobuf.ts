import protobuf from 'protobufjs/light.js';

/** Turns one message type into bytes and back. */
export interface Codec<T extends object> {
  encode(message: T): Buffer;
  /** What proto3 leaves out stays out, except enum fields, `exitCode` and bytes: they are always there. */
  decode(bytes: Uint8Array): T;
}

export interface RpcMethod {
  /** `/package.Service/Method`. */
  path: string;
  request: Codec<object>;
  response: Codec<object>;
}

interface DescriptorNode {
  nested?: Record<string, DescriptorNode>;
  oneofs?: Record<string, { oneof: string[] }>;
  fields?: Record<string, unknown>;
}

/** The messages and services of a protobufjs JSON descriptor, with field names in camelCase. */
export class ProtobufSchema {
  readonly #root: protobuf.Root;
  readonly #codecs = new Map<protobuf.Type, Codec<object>>();

  constructor(descriptor: object) {
    this.#root = protobuf.Root.fromJSON(camelCaseFields(descriptor) as protobuf.INamespace);
    this.#root.resolveAll();
  }

  /** Throws for a type the descriptor does not have. */
  codec<T extends object>(typeName: string): Codec<T> {
    return this.#codecOf(this.#root.lookupType(typeName)) as Codec<T>;
  }

  /** The methods of a service by name, streaming ones included. */
  methods(serviceName: string): Map<string, RpcMethod> {
    const service = this.#root.lookupService(serviceName);
    return new Map(
      service.methodsArray.map((method) => {
        method.resolve();
        const { resolvedRequestType: request, resolvedResponseType: response } = method;
        if (!request || !response) throw new Error(`${serviceName}.${method.name} has no resolved types`);
        const path = `/${serviceName}/${method.name}`;
        return [method.name, { path, request: this.#codecOf(request), response: this.#codecOf(response) }];
      }),
    );
  }

  #codecOf(type: protobuf.Type): Codec<object> {
    const known = this.#codecs.get(type);
    if (known) return known;
    const codec: Codec<object> = {
      encode: (message) => Buffer.from(type.encode(type.fromObject(message)).finish()),
      decode: (bytes) => {
        const plain = type.toObject(type.decode(bytes), { longs: Number, enums: String });
        fillZeros(type, plain);
        return plain;
      },
    };
    this.#codecs.set(type, codec);
    return codec;
  }
}

/**
 * proto3 does not send zero values, and the zero of an enum (SANDBOX_READY, CONTAINER_CREATED), of an exit code and of
 * an output means something: a reader must not have to remember that.
 */
function fillZeros(type: protobuf.Type, plain: Record<string, unknown>): void {
  for (const field of type.fieldsArray) {
    const value = plain[field.name];
    const inner = field.resolvedType;
    if (inner instanceof protobuf.Type) {
      for (const child of children(field, value)) fillZeros(inner, child);
    } else if (value === undefined && !field.repeated && !field.map) {
      if (inner instanceof protobuf.Enum) plain[field.name] = inner.valuesById[0];
      else if (field.name === 'exitCode') plain[field.name] = 0;
      else if (field.type === 'bytes') plain[field.name] = Buffer.alloc(0);
    }
  }
}

function children(field: protobuf.Field, value: unknown): Record<string, unknown>[] {
  if (value === undefined) return [];
  if (field.map) return Object.values(value as Record<string, Record<string, unknown>>);
  return field.repeated ? (value as Record<string, unknown>[]) : [value as Record<string, unknown>];
}

const camel = (name: string): string => name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

function camelCaseFields(node: DescriptorNode): DescriptorNode {
  const { nested, fields, oneofs } = node;
  const renamed = ({ oneof }: { oneof: string[] }) => ({ oneof: oneof.map(camel) });
  return {
    ...node,
    ...(oneofs && { oneofs: Object.fromEntries(Object.entries(oneofs).map(([name, one]) => [name, renamed(one)])) }),
    ...(fields && { fields: Object.fromEntries(Object.entries(fields).map(([name, f]) => [camel(name), f])) }),
    ...(nested && { nested: Object.fromEntries(Object.entries(nested).map(([n, v]) => [n, camelCaseFields(v)])) }),
  };
}
