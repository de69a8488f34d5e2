import { describe, expect, it } from 'vitest';
import { hasRpcCode, RpcError, rpcErrorFrom } from './rpc-error.ts';

describe('RpcError', () => {
  it('has the name of the gRPC code and the runtime’s own words', () => {
    const from = rpcErrorFrom({ code: 5, details: 'no such container', message: '5 NOT_FOUND: no such container' });
    expect(from).toMatchObject({ code: 'NotFound', message: 'no such container' });
    expect(rpcErrorFrom({ code: 4, details: '' })).toMatchObject({ code: 'DeadlineExceeded' });
    expect(rpcErrorFrom({ code: 14, details: 'x' })).toMatchObject({ code: 'Unavailable' });
    expect(hasRpcCode(from, 'AlreadyExists', 'NotFound')).toBe(true);
    expect(hasRpcCode(from, 'AlreadyExists')).toBe(false);
  });

  it('is Unknown for what is no gRPC failure, and stays what it is', () => {
    expect(rpcErrorFrom(new Error('boom'))).toMatchObject({ code: 'Unknown', message: 'boom' });
    expect(rpcErrorFrom({ code: 99 })).toMatchObject({ code: 'Unknown' });
    const error = new RpcError('Aborted', 'x');
    expect(rpcErrorFrom(error)).toBe(error);
  });
});
