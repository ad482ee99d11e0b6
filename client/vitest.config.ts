import { defineConfig } from "vitest/config";

const patience = { testTimeout: 60_000, hookTimeout: 60_000 };

export default defineConfig({
  test: {
    projects: [
      { test: { name: "logic", include: ["test/*.test.ts", "console/test/*.test.ts"], restoreMocks: true } },
      {
        test: {
          name: "stack",
          include: ["test/e2e/*.test.ts", "test/browser/*.test.ts", "console/test/browser/*.test.ts"],
          globalSetup: ["test/e2e/everywhere.ts"],
          fileParallelism: false,
          ...patience,
        },
      },
    ],
  },
});
