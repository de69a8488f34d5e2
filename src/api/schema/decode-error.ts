import { badRequest, StatusError } from '../meta/status-error.ts';

/** A body that is not an object of its kind: BadRequest. A patch says only `detail` of what it made. */
export class DecodeError extends StatusError {
  readonly detail: string;

  /** `prefix`: `Pod in version "v1" cannot be handled as a Pod`. */
  constructor(prefix: string, detail: string) {
    super(badRequest(`${prefix}: ${detail}`).status);
    this.detail = detail;
  }
}
