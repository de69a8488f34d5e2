import type { Container, HTTPGetAction, Lifecycle, LifecycleHandler, Probe } from '../generated/types.ts';
import { httpHeaderName, portNumber } from '../meta/name-format.ts';
import {
  child,
  type FieldError,
  forbidden,
  invalidValue,
  keyFormatted,
  nonNegative,
  oneOf,
  portNumberOrName,
  required,
} from './check.ts';

type Handler = LifecycleHandler & { grpc?: { port: number } };

function httpGet(action: HTTPGetAction, path: string): FieldError[] {
  return [
    ...(action.path ? [] : [required(child(path, 'path'))]),
    ...portNumberOrName(child(path, 'port'), action.port),
    ...oneOf(child(path, 'scheme'), action.scheme, ['HTTP', 'HTTPS']),
    ...(action.httpHeaders ?? []).flatMap(({ name }) => keyFormatted(child(path, 'httpHeaders'), name, httpHeaderName)),
  ];
}

function checkHandler(member: keyof Handler, handler: Handler, path: string, graceSeconds: number): FieldError[] {
  switch (member) {
    case 'exec':
      return handler.exec?.command?.length ? [] : [required(child(path, 'command'))];
    case 'httpGet':
      return httpGet(handler.httpGet as HTTPGetAction, path);
    case 'tcpSocket':
      return portNumberOrName(child(path, 'port'), handler.tcpSocket?.port);
    case 'grpc':
      return portNumber(handler.grpc?.port ?? 0).map((text) =>
        invalidValue(child(path, 'port'), handler.grpc?.port, text),
      );
    default: {
      const seconds = handler.sleep?.seconds ?? 0;
      if (seconds >= 0 && seconds <= graceSeconds) return [];
      return [
        invalidValue(
          path,
          seconds,
          `must be non-negative and less than terminationGracePeriodSeconds (${graceSeconds})`,
        ),
      ];
    }
  }
}

/** Exactly one way to act. */
function oneHandler(handler: Handler, path: string, kinds: (keyof Handler)[], graceSeconds: number): FieldError[] {
  const given = kinds.filter((kind) => handler[kind]);
  if (given.length === 0) return [required(path, 'must specify a handler type')];
  return given.flatMap((kind, i) =>
    i === 0
      ? checkHandler(kind, handler, child(path, kind), graceSeconds)
      : [forbidden(child(path, kind), 'may not specify more than 1 handler type')],
  );
}

function validateProbe(probe: Probe | undefined, path: string): FieldError[] {
  if (!probe) return [];
  const errors = oneHandler(probe as Handler, path, ['exec', 'httpGet', 'tcpSocket', 'grpc'], 0);
  for (const member of [
    'initialDelaySeconds',
    'timeoutSeconds',
    'periodSeconds',
    'successThreshold',
    'failureThreshold',
  ] as const)
    errors.push(...nonNegative(child(path, member), probe[member]));
  const grace = probe.terminationGracePeriodSeconds;
  if (grace !== undefined && grace <= 0)
    errors.push(invalidValue(child(path, 'terminationGracePeriodSeconds'), grace, 'must be greater than 0'));
  return errors;
}

/** One success must be enough to be alive or started. */
function decidesAtOnce(probe: Probe | undefined, path: string): FieldError[] {
  if (!probe || probe.successThreshold === 1) return [];
  return [invalidValue(child(path, 'successThreshold'), probe.successThreshold ?? 0, 'must be 1')];
}

function validateLifecycle(lifecycle: Lifecycle | undefined, path: string, graceSeconds: number): FieldError[] {
  if (!lifecycle) return [];
  const kinds: (keyof Handler)[] = ['exec', 'httpGet', 'tcpSocket', 'sleep'];
  return (['postStart', 'preStop'] as const).flatMap((hook) => {
    const handler = lifecycle[hook];
    return handler ? oneHandler(handler, child(path, hook), kinds, graceSeconds) : [];
  });
}

/** Hooks and probes: containers, and init containers that keep running. */
export function validateHooksAndProbes(container: Container, path: string, graceSeconds: number): FieldError[] {
  const readiness = child(path, 'readinessProbe');
  const errors = [
    ...validateLifecycle(container.lifecycle, child(path, 'lifecycle'), graceSeconds),
    ...validateProbe(container.livenessProbe, child(path, 'livenessProbe')),
    ...decidesAtOnce(container.livenessProbe, child(path, 'livenessProbe')),
    ...validateProbe(container.readinessProbe, readiness),
  ];
  const grace = container.readinessProbe?.terminationGracePeriodSeconds;
  if (grace !== undefined)
    errors.push(
      invalidValue(child(readiness, 'terminationGracePeriodSeconds'), grace, 'must not be set for readinessProbes'),
    );
  return [
    ...errors,
    ...validateProbe(container.startupProbe, child(path, 'startupProbe')),
    ...decidesAtOnce(container.startupProbe, child(path, 'startupProbe')),
  ];
}
