import { StatusError } from '../api/meta/status-error.ts';

/** The server refused new content because its namespace is being deleted: nothing to try again. */
export const isNamespaceGoing = (error: unknown): boolean =>
  error instanceof StatusError &&
  error.status.details?.causes?.some((c) => c.reason === 'NamespaceTerminating') === true;
