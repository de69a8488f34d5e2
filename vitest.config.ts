import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'scripts/**/*.test.ts', 'test/scenarios/**/*.test.ts'],
    testTimeout: 20_000,
    // Two cores: more workers only wait for each other.
    maxWorkers: 2,
  },
});
