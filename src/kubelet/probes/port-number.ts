import type { Container } from '../../api/generated/types.ts';

/** A probe's port: a number, or the name of one of the container's ports. Throws when there is no such name. */
export function portNumber(port: number | string, container: Container): number {
  if (typeof port === 'number') return port;
  const named = container.ports?.find(({ name }) => name === port)?.containerPort;
  const number = named ?? Number(port);
  if (!Number.isInteger(number) || number < 1)
    throw new Error(`couldn't find port: "${port}" in container ${container.name}`);
  return number;
}
