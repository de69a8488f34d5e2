import { describe, expect, it } from 'vitest';
import { hasRuntimeCode, RuntimeError, runtimeErrorFrom } from './runtime-error.ts';

describe('RuntimeError', () => {
  it('has the name of the gRPC code and the runtime’s own words', () => {
    const from = runtimeErrorFrom({ code: 5, details: 'no such container', message: '5 NOT_FOUND: no such container' });
    expect(from).toMatchObject({ code: 'NotFound', message: 'no such container' });
    expect(runtimeErrorFrom({ code: 4, details: '' })).toMatchObject({ code: 'DeadlineExceeded' });
    expect(runtimeErrorFrom({ code: 14, details: 'x' })).toMatchObject({ code: 'Unavailable' });
    expect(hasRuntimeCode(from, 'AlreadyExists', 'NotFound')).toBe(true);
    expect(hasRuntimeCode(from, 'AlreadyExists')).toBe(false);
  });

  it('is Unknown for what is no gRPC failure, and stays what it is', () => {
    expect(runtimeErrorFrom(new Error('boom'))).toMatchObject({ code: 'Unknown', message: 'boom' });
    expect(runtimeErrorFrom({ code: 99 })).toMatchObject({ code: 'Unknown' });
    const error = new RuntimeError('Aborted', 'x');
    expect(runtimeErrorFrom(error)).toBe(error);
  });
});
