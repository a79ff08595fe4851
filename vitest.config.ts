import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['**/*.test.ts', 'properties/**/*.property.ts'],
    exclude: ['**/node_modules/**', 'dist/**', 'finds/**'],
    // Two worlds at once: the machines this runs on have two cores, and QEMU wants some of them.
    testTimeout: 60_000,
  },
});
