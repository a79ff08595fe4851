import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['**/*.test.ts', 'properties/**/*.property.ts'],
    exclude: ['**/node_modules/**', 'dist/**', 'finds/**'],
    // Suites run thousands of scenarios a test, some of them on a QEMU.
    testTimeout: 60_000,
  },
});
