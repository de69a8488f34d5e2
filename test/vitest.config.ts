import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** What crosses rooms and touches the machine: needs root. `npx vitest run --config test/vitest.config.ts`. */
export default defineConfig({
  test: {
    root: fileURLToPath(new URL('..', import.meta.url)),
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
});
