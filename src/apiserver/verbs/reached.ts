import { StatusError } from '../../api/meta/status-error.ts';
import type { ApiContext } from '../context.ts';

/** Makes sure that the state is not older than `revision`; rejects with Timeout when no server has come that far. */
export async function reached({ store }: ApiContext, revision: number): Promise<void> {
  if (store.revision >= revision) return;
  await store.fresh();
  if (store.revision < revision) throw tooLarge(revision, store.revision);
}

const tooLarge = (revision: number, current: number): StatusError =>
  StatusError.of('Timeout', `Timeout: Too large resource version: ${revision}, current: ${current}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  });
