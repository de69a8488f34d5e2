/** The container cannot be made from its spec as things are; `reason` is the waiting reason that the status shows. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly reason: string;

  constructor(message: string, reason = 'CreateContainerConfigError', options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}
