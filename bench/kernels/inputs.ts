/** The data that kernels are measured on: the same bytes in every run and in every runtime. Nothing here needs Node. */
import type { NewRecord } from "#records/record.ts";

export type Content = "JSON" | "text" | "random";

/** A generator good enough for test data (xorshift32): numbers from 0 to below 2^32. */
function generator(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

const encoder = new TextEncoder();
const WORDS =
  "the of and to in is that for it as was with be by on not he his but at are this have from or had an they which one you were all her she there would their we him been has when who will no more if out so up said what its about than into them can only other time new some could these two may first then do any like my now over such our man me even most made after also did many off before must well back through years where much your way down should because long each just state those people too mr how little good world make very year still see own work men day get here old life both between being under three never know same last another while us might great go come since against right came take used himself few house american use place during high without again home around small however found mrs part school thought went say general once upon war every left does got united number hand course water until always away public something fact less though far put head think called set almost enough end took government night yet system better four nothing told eyes city going president why days present point didn't look find asked second group later next room social business knew program give half side face toward white five let young form given per order large several national important rather possible big among often early john words things looking become best seen different power kind".split(
    " ",
  );

/** Lines of a log: a time, a level, a place in the program, and some English with numbers in it. */
function text(bytes: number): string {
  const random = generator(17);
  const levels = ["INFO ", "INFO ", "INFO ", "DEBUG", "WARN ", "ERROR"];
  const places = [
    "orders.Checkout",
    "orders.Cart",
    "billing.Invoices",
    "http.Router",
    "storage.Segments",
    "auth.Sessions",
  ];
  const lines: string[] = [];
  for (let size = 0, index = 0; size < bytes; index++) {
    const time = new Date(1_760_000_000_000 + index * 317).toISOString();
    const words = Array.from({ length: 4 + (random() % 12) }, () => {
      // Squaring makes the first words the common ones, as in any language.
      const share = random() / 2 ** 32;
      return random() % 9 === 0 ? String(random() % 10_000) : WORDS[Math.floor(share * share * WORDS.length)];
    });
    const line = `${time} ${levels[random() % 6]} [worker-${random() % 8}] com.example.${places[random() % 6]} - ${words.join(" ")}\n`;
    lines.push(line);
    size += line.length;
  }
  return lines.join("");
}

function json(bytes: number): string {
  const random = generator(23);
  const actions = ["view", "click", "purchase", "refund", "login", "logout"];
  const lines: string[] = [];
  for (let size = 0; size < bytes; ) {
    const line = `${JSON.stringify({
      id: random().toString(16).padStart(8, "0"),
      user: `user-${random() % 100_000}`,
      action: actions[random() % actions.length],
      price: (random() % 100_000) / 100,
      at: 1_760_000_000_000 + (random() % 86_400_000),
      ok: random() % 8 !== 0,
    })}\n`;
    lines.push(line);
    size += line.length;
  }
  return lines.join("");
}

function noise(bytes: number): Uint8Array {
  const random = generator(29);
  return Uint8Array.from({ length: bytes }, () => random() >>> 11);
}

const made = new Map<string, Uint8Array>();

/** The first `bytes` of an endless sequence of that content. */
export function input(content: Content, bytes: number): Uint8Array {
  const name = `${content}/${bytes}`;
  let data = made.get(name);
  if (data === undefined) {
    const whole = content === "random" ? noise(bytes) : encoder.encode(content === "text" ? text(bytes) : json(bytes));
    data = whole.slice(0, bytes);
    made.set(name, data);
  }
  return data;
}

/** Records with keys of 16 bytes and values of `valueBytes`, about `batchBytes` of them altogether. */
export function records(valueBytes: number, batchBytes: number): NewRecord[] {
  const values = input("JSON", batchBytes + valueBytes);
  const count = Math.floor(batchBytes / (valueBytes + 27));
  return Array.from({ length: count }, (_, index) => ({
    timestampMs: 1_760_000_000_000 + index * 3,
    key: encoder.encode(`key-${String(index).padStart(12, "0")}`),
    value: values.slice(index * valueBytes, (index + 1) * valueBytes),
  }));
}
