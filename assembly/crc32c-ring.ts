// The first level of the CRC-32C of a long message: it is folded without a table. In GF(2) arithmetic, adding a multiple of the
// polynomial leaves the remainder as it is, so a byte may be taken away if it is added again at the distances of a sparse
// multiple, here the shortest that suits: x^680 + x^122 + x^80 + x^19 + x^3 + 1, and with it its eighth power, which moves whole bytes. That is
// one pass of loads and xors, 16 bytes at a time (the idea of Chorba, Sparks et al., arXiv:2412.16398, for another polynomial):
//
//     w[p] = message[p] ^ w[p - 558] ^ w[p - 600] ^ w[p - 661] ^ w[p - 677] ^ w[p - 680]
//
// Only the last 680 bytes of w matter, so they lie in a ring, and a lap around it is written out: V8 checks no bounds of constant
// addresses, and workerd runs WASM without its trap handler. 600 is five vectors from 680, and 661 one from 677: what is loaded
// for the near one serves the far one later, from a register.
// scripts/derive-crc32c-ring.ts finds such multiples, and prints the lap.

/** The ring's bytes: the least multiple of a vector that holds 680. */
export const LAP: u32 = 688;
/** Behind the ring lies its first vector again, for loads over its end; and behind that zeros. */
const RING = memory.data(2 * 688, 16);

/**
 * Takes away the first bytes of a message of two laps at least, whose state is `crc`: whole laps, and all but one that fit. Returns where the rest
 * begins. `addRing` adds to it what they left.
 */
export function foldLaps(crc: u32, from: usize, length: u32): usize {
  const end = from + (length / LAP - 1) * LAP;
  memory.fill(RING, 0, LAP);
  // The state acts as if it were added to the first four bytes. The first vector finds it 680 bytes back; but the last byte of
  // the four is 677 bytes back, too, and meets the first a second time.
  store<u32>(RING, crc ^ (crc >> 24), 8);
  while (from < end) {
    let far0 = v128.load(RING + 8);
    let far1 = v128.load(RING + 24);
    let far2 = v128.load(RING + 40);
    let far3 = v128.load(RING + 56);
    let far4 = v128.load(RING + 72);
    let far5: v128;
    let mid0 = v128.load(RING + 11);
    let mid1: v128;
    far5 = v128.load(RING + 88);
    mid1 = v128.load(RING + 27);
    const first = sum(v128.load(from), v128.load(RING + 130), far0, far5, mid0, mid1);
    v128.store(RING, first);
    v128.store(RING + LAP, first);
    far0 = v128.load(RING + 104);
    mid0 = v128.load(RING + 43);
    v128.store(RING + 16, sum(v128.load(from, 16), v128.load(RING + 146), far1, far0, mid1, mid0));
    far1 = v128.load(RING + 120);
    mid1 = v128.load(RING + 59);
    v128.store(RING + 32, sum(v128.load(from, 32), v128.load(RING + 162), far2, far1, mid0, mid1));
    far2 = v128.load(RING + 136);
    mid0 = v128.load(RING + 75);
    v128.store(RING + 48, sum(v128.load(from, 48), v128.load(RING + 178), far3, far2, mid1, mid0));
    far3 = v128.load(RING + 152);
    mid1 = v128.load(RING + 91);
    v128.store(RING + 64, sum(v128.load(from, 64), v128.load(RING + 194), far4, far3, mid0, mid1));
    far4 = v128.load(RING + 168);
    mid0 = v128.load(RING + 107);
    v128.store(RING + 80, sum(v128.load(from, 80), v128.load(RING + 210), far5, far4, mid1, mid0));
    far5 = v128.load(RING + 184);
    mid1 = v128.load(RING + 123);
    v128.store(RING + 96, sum(v128.load(from, 96), v128.load(RING + 226), far0, far5, mid0, mid1));
    far0 = v128.load(RING + 200);
    mid0 = v128.load(RING + 139);
    v128.store(RING + 112, sum(v128.load(from, 112), v128.load(RING + 242), far1, far0, mid1, mid0));
    far1 = v128.load(RING + 216);
    mid1 = v128.load(RING + 155);
    v128.store(RING + 128, sum(v128.load(from, 128), v128.load(RING + 258), far2, far1, mid0, mid1));
    far2 = v128.load(RING + 232);
    mid0 = v128.load(RING + 171);
    v128.store(RING + 144, sum(v128.load(from, 144), v128.load(RING + 274), far3, far2, mid1, mid0));
    far3 = v128.load(RING + 248);
    mid1 = v128.load(RING + 187);
    v128.store(RING + 160, sum(v128.load(from, 160), v128.load(RING + 290), far4, far3, mid0, mid1));
    far4 = v128.load(RING + 264);
    mid0 = v128.load(RING + 203);
    v128.store(RING + 176, sum(v128.load(from, 176), v128.load(RING + 306), far5, far4, mid1, mid0));
    far5 = v128.load(RING + 280);
    mid1 = v128.load(RING + 219);
    v128.store(RING + 192, sum(v128.load(from, 192), v128.load(RING + 322), far0, far5, mid0, mid1));
    far0 = v128.load(RING + 296);
    mid0 = v128.load(RING + 235);
    v128.store(RING + 208, sum(v128.load(from, 208), v128.load(RING + 338), far1, far0, mid1, mid0));
    far1 = v128.load(RING + 312);
    mid1 = v128.load(RING + 251);
    v128.store(RING + 224, sum(v128.load(from, 224), v128.load(RING + 354), far2, far1, mid0, mid1));
    far2 = v128.load(RING + 328);
    mid0 = v128.load(RING + 267);
    v128.store(RING + 240, sum(v128.load(from, 240), v128.load(RING + 370), far3, far2, mid1, mid0));
    far3 = v128.load(RING + 344);
    mid1 = v128.load(RING + 283);
    v128.store(RING + 256, sum(v128.load(from, 256), v128.load(RING + 386), far4, far3, mid0, mid1));
    far4 = v128.load(RING + 360);
    mid0 = v128.load(RING + 299);
    v128.store(RING + 272, sum(v128.load(from, 272), v128.load(RING + 402), far5, far4, mid1, mid0));
    far5 = v128.load(RING + 376);
    mid1 = v128.load(RING + 315);
    v128.store(RING + 288, sum(v128.load(from, 288), v128.load(RING + 418), far0, far5, mid0, mid1));
    far0 = v128.load(RING + 392);
    mid0 = v128.load(RING + 331);
    v128.store(RING + 304, sum(v128.load(from, 304), v128.load(RING + 434), far1, far0, mid1, mid0));
    far1 = v128.load(RING + 408);
    mid1 = v128.load(RING + 347);
    v128.store(RING + 320, sum(v128.load(from, 320), v128.load(RING + 450), far2, far1, mid0, mid1));
    far2 = v128.load(RING + 424);
    mid0 = v128.load(RING + 363);
    v128.store(RING + 336, sum(v128.load(from, 336), v128.load(RING + 466), far3, far2, mid1, mid0));
    far3 = v128.load(RING + 440);
    mid1 = v128.load(RING + 379);
    v128.store(RING + 352, sum(v128.load(from, 352), v128.load(RING + 482), far4, far3, mid0, mid1));
    far4 = v128.load(RING + 456);
    mid0 = v128.load(RING + 395);
    v128.store(RING + 368, sum(v128.load(from, 368), v128.load(RING + 498), far5, far4, mid1, mid0));
    far5 = v128.load(RING + 472);
    mid1 = v128.load(RING + 411);
    v128.store(RING + 384, sum(v128.load(from, 384), v128.load(RING + 514), far0, far5, mid0, mid1));
    far0 = v128.load(RING + 488);
    mid0 = v128.load(RING + 427);
    v128.store(RING + 400, sum(v128.load(from, 400), v128.load(RING + 530), far1, far0, mid1, mid0));
    far1 = v128.load(RING + 504);
    mid1 = v128.load(RING + 443);
    v128.store(RING + 416, sum(v128.load(from, 416), v128.load(RING + 546), far2, far1, mid0, mid1));
    far2 = v128.load(RING + 520);
    mid0 = v128.load(RING + 459);
    v128.store(RING + 432, sum(v128.load(from, 432), v128.load(RING + 562), far3, far2, mid1, mid0));
    far3 = v128.load(RING + 536);
    mid1 = v128.load(RING + 475);
    v128.store(RING + 448, sum(v128.load(from, 448), v128.load(RING + 578), far4, far3, mid0, mid1));
    far4 = v128.load(RING + 552);
    mid0 = v128.load(RING + 491);
    v128.store(RING + 464, sum(v128.load(from, 464), v128.load(RING + 594), far5, far4, mid1, mid0));
    far5 = v128.load(RING + 568);
    mid1 = v128.load(RING + 507);
    v128.store(RING + 480, sum(v128.load(from, 480), v128.load(RING + 610), far0, far5, mid0, mid1));
    far0 = v128.load(RING + 584);
    mid0 = v128.load(RING + 523);
    v128.store(RING + 496, sum(v128.load(from, 496), v128.load(RING + 626), far1, far0, mid1, mid0));
    far1 = v128.load(RING + 600);
    mid1 = v128.load(RING + 539);
    v128.store(RING + 512, sum(v128.load(from, 512), v128.load(RING + 642), far2, far1, mid0, mid1));
    far2 = v128.load(RING + 616);
    mid0 = v128.load(RING + 555);
    v128.store(RING + 528, sum(v128.load(from, 528), v128.load(RING + 658), far3, far2, mid1, mid0));
    far3 = v128.load(RING + 632);
    mid1 = v128.load(RING + 571);
    v128.store(RING + 544, sum(v128.load(from, 544), v128.load(RING + 674), far4, far3, mid0, mid1));
    far4 = v128.load(RING + 648);
    mid0 = v128.load(RING + 587);
    v128.store(RING + 560, sum(v128.load(from, 560), v128.load(RING + 2), far5, far4, mid1, mid0));
    far5 = v128.load(RING + 664);
    mid1 = v128.load(RING + 603);
    v128.store(RING + 576, sum(v128.load(from, 576), v128.load(RING + 18), far0, far5, mid0, mid1));
    far0 = v128.load(RING + 680);
    mid0 = v128.load(RING + 619);
    v128.store(RING + 592, sum(v128.load(from, 592), v128.load(RING + 34), far1, far0, mid1, mid0));
    far1 = v128.load(RING + 8);
    mid1 = v128.load(RING + 635);
    v128.store(RING + 608, sum(v128.load(from, 608), v128.load(RING + 50), far2, far1, mid0, mid1));
    far2 = v128.load(RING + 24);
    mid0 = v128.load(RING + 651);
    v128.store(RING + 624, sum(v128.load(from, 624), v128.load(RING + 66), far3, far2, mid1, mid0));
    far3 = v128.load(RING + 40);
    mid1 = v128.load(RING + 667);
    v128.store(RING + 640, sum(v128.load(from, 640), v128.load(RING + 82), far4, far3, mid0, mid1));
    far4 = v128.load(RING + 56);
    mid0 = v128.load(RING + 683);
    v128.store(RING + 656, sum(v128.load(from, 656), v128.load(RING + 98), far5, far4, mid1, mid0));
    far5 = v128.load(RING + 72);
    mid1 = v128.load(RING + 11);
    v128.store(RING + 672, sum(v128.load(from, 672), v128.load(RING + 114), far0, far5, mid0, mid1));
    from += LAP;
  }
  v128.store(RING + LAP, i8x16.splat(0));
  return end;
}

/** Adds what the ring leaves behind to the LAP bytes at `rest`: behind it come zeros, since nothing more is taken away. */
export function addRing(rest: usize): void {
  for (let at: usize = 0; at < LAP; at += 16) {
    const left = sum(
      v128.load(rest + at),
      v128.load(at, RING + 130),
      v128.load(at, RING + 8),
      v128.load(at, RING + 88),
      v128.load(at, RING + 11),
      v128.load(at, RING + 27),
    );
    v128.store(rest + at, left);
  }
}

// @ts-ignore: a decorator of AssemblyScript's
@inline
function sum(a: v128, b: v128, c: v128, d: v128, e: v128, f: v128): v128 {
  return v128.xor(v128.xor(v128.xor(a, b), v128.xor(c, e)), v128.xor(d, f));
}
