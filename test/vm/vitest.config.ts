import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** Guests in software emulation: one at a time, and with patience. `npx vitest run --config test/vm/vitest.config.ts`. */
export default defineConfig({
  test: {
    root: fileURLToPath(new URL('../..', import.meta.url)),
    include: ['test/vm/**/*.test.ts'],
    fileParallelism: false,
    testTimeout: 3_600_000,
    hookTimeout: 3_600_000,
    // What a guest says is shown when it says it.
    disableConsoleIntercept: true,
  },
});
