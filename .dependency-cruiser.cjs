/** The rooms and the one direction between them. rooms.test.ts holds besides that model/ and reference/ share nothing. */
module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      comment: 'A module that needs to reach back is in the wrong room.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'model-stands-alone',
      comment: 'The implementation knows nothing of the pipeline that judges it.',
      severity: 'error',
      from: { path: '^model/', pathNot: '\\.test\\.ts$' },
      to: { path: '^[^/]+/', pathNot: '^(model|node_modules)/', reachable: true },
    },
    {
      name: 'reference-apart-from-model',
      comment: 'What both sides shared would be wrong on both, and so not seen.',
      severity: 'error',
      from: { path: '^reference/' },
      to: { path: '^model/', reachable: true },
    },
    {
      name: 'model-apart-from-reference',
      comment: 'What both sides shared would be wrong on both, and so not seen. Tests are no exception.',
      severity: 'error',
      from: { path: '^model/' },
      to: { path: '^reference/', reachable: true },
    },
    {
      name: 'scenario-imports-no-room',
      comment: 'The common language is where the pipeline begins.',
      severity: 'error',
      from: { path: '^scenario/' },
      to: { path: '^(model|reference|subjects|properties|fuzz|report|cli|bench)/' },
    },
    {
      name: 'nothing-imports-cli',
      severity: 'error',
      from: { pathNot: '^cli/' },
      to: { path: '^cli/' },
    },
    {
      name: 'only-tests-import-tests',
      severity: 'error',
      from: { pathNot: '\\.(test|property)\\.ts$' },
      to: { path: '\\.(test|property)\\.ts$' },
    },
  ],
  options: {
    doNotFollow: { path: '^(node_modules|dist)/' },
    exclude: { path: '^(dist|coverage|finds)/' },
    // Type-only imports couple rooms as much as others do.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.js'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'node'],
    },
  },
};
