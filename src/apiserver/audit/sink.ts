import type { AuditEvent } from './event.ts';

/** Where audit events go. Nobody waits for it. */
export interface AuditSink {
  write(event: AuditEvent): void;
  /** Resolves when what was written is out, as far as that is possible. */
  close(): Promise<void>;
}
