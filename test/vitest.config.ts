import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const root = fileURLToPath(new URL('..', import.meta.url));

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
          testTimeout: 60_000,
          hookTimeout: 60_000,
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: 'e2e',
          root,
          include: ['test/e2e/**/*.test.ts'],
          // One cluster for all files, which run one after the other, when nothing else does.
          globalSetup: 'test/e2e/cluster.setup.ts',
          fileParallelism: false,
          sequence: { groupOrder: 1 },
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
