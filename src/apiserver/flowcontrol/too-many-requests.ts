import { StatusError } from '../../api/meta/status-error.ts';

/** Turned away by flow control. On the wire it is a line of text, not a Status, as upstream's filter writes it. */
export class TooManyRequests extends StatusError {
  static after(retryAfterSeconds: number): TooManyRequests {
    const { status } = StatusError.of('TooManyRequests', 'Too many requests, please try again later.', {
      retryAfterSeconds,
    });
    return new TooManyRequests(status);
  }
}
