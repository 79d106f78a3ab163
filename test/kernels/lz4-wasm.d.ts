/** lz4-wasm's types stand beside its bundler entry; Node imports the module below it. */
declare module "lz4-wasm/lz4_wasm_bg.js" {
  export { compress, decompress } from "lz4-wasm";
}
