/** What a pod needs could not be made ready; the message is the whole text of the event. */
export class PrepareError extends Error {
  override readonly name: string = 'PrepareError';
  /** Of the event. */
  readonly reason: string;

  constructor(message: string, { reason, ...options }: ErrorOptions & { reason: string }) {
    super(message, options);
    this.reason = reason;
  }
}
