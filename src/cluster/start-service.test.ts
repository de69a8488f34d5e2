import { expect, it } from 'vitest';
import type { Node } from '../api/generated/types.ts';
import { isReadySince } from './start-service.ts';

it('a node is ready when its present agent has said so', () => {
  const node = (status: string, lastHeartbeatTime?: string): Node => ({
    metadata: { name: 'n1' },
    spec: {},
    status: { conditions: [{ type: 'Ready', status, lastHeartbeatTime }] },
  });
  const startMs = Date.parse('2026-01-01T10:00:00.700Z');
  expect(isReadySince(node('True', '2026-01-01T09:59:59Z'), startMs)).toBe(false);
  expect(isReadySince(node('True', '2026-01-01T10:00:00Z'), startMs)).toBe(true);
  expect(isReadySince(node('False', '2026-01-01T10:00:01Z'), startMs)).toBe(false);
  expect(isReadySince(node('True'), startMs)).toBe(false);
  expect(isReadySince(node('True', '2026-01-01T09:00:00Z'), 0)).toBe(true);
  expect(isReadySince({ metadata: { name: 'n1' }, spec: {}, status: {} }, 0)).toBe(false);
});
