// Jest alone reads this: it takes the types off and leaves the modules as they are. tsc makes what is published.
export default {
  presets: [["@babel/preset-typescript", { onlyRemoveTypeImports: true }]],
};
