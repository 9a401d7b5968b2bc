export default {
  testMatch: ["<rootDir>/test/**/*.test.ts"],
  testEnvironment: "node",
  testTimeout: 15_000,
  extensionsToTreatAsEsm: [".ts"],
  transform: { "\\.ts$": "babel-jest" },
  // What package.json resolves to dist/, the tests take from its sources.
  moduleNameMapper: {
    "^#host$": "<rootDir>/adapters/node/index.ts",
    "^twinwire$": "<rootDir>/api/index.ts",
    "^twinwire/(handles|result|dial|duplex)$": "<rootDir>/api/$1.ts",
  },
  modulePathIgnorePatterns: ["<rootDir>/build/", "<rootDir>/dist/"],
};
