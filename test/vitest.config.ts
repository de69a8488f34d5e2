import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Tests wait for conditions, and a campaign counts what it does: this only ends what hangs, on the busiest machine. */
const boundMs = process.env.KNARR_TEST_LONG === '1' ? 4 * 3_600_000 : 600_000;

/** What crosses rooms and touches the machine: needs root. `npx vitest run --config test/vitest.config.ts`. */
export default defineConfig({
  test: {
    root,
    projects: [
      {
        test: {
          name: 'machine',
          root,
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**', 'test/scenarios/**', 'test/vm/**'],
          testTimeout: boundMs,
          hookTimeout: boundMs,
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: 'e2e',
          root,
          include: ['test/e2e/**/*.test.ts'],
          // One cluster for all files, which run one after the other, before anything else does: its Events last an hour.
          // (Not 0: Vitest takes what has one worker and that order last.)
          globalSetup: 'test/e2e/cluster.setup.ts',
          fileParallelism: false,
          sequence: { groupOrder: 1 },
          testTimeout: boundMs,
          hookTimeout: boundMs,
        },
      },
    ],
  },
});
