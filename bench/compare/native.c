/*
 * Native kernels behind a pipe: liblz4, libsnappy and a CRC-32C by the SSE4.2 instruction, three streams at a time.
 *
 *   native NAME=FILE ...   keeps the files' bytes; then, for each line "OPERATION NAME TURNS", runs and answers "SECONDS"
 *   native judge           reads streams and answers what the libraries make of them (test/kernels/fuzz-native.ts)
 *
 * LZ4 works on blocks of 64 KB, each for itself, as Kafka's frames do; a packed file is { size 4, bytes } for each block.
 */
#include <lz4.h>
#include <lz4frame.h>
#include <nmmintrin.h>
#include <snappy-c.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_INPUTS = 64, BLOCK = 65536, ROOM = 4 << 20, LANE = 4096, SHORT_LANE = 256 };

struct input {
  char name[64];
  unsigned char *bytes;
  size_t length;
  /* What each library made of it. */
  unsigned char *lz4, *snappy;
  size_t lz4_length, snappy_length;
};

static struct input inputs[MAX_INPUTS];
static int input_count;
static unsigned char output[ROOM];
static volatile uint64_t sink;

static void die(const char *what) {
  fprintf(stderr, "native: %s\n", what);
  exit(1);
}

/* Advances a CRC over LANE or SHORT_LANE bytes of zeros: four tables, one for each byte of the CRC. */
static uint32_t long_shift[4][256], short_shift[4][256];

static uint32_t zeros(uint32_t crc, size_t length) {
  while (length-- > 0) crc = _mm_crc32_u8(crc, 0);
  return crc;
}

static void make_shift(uint32_t table[4][256], size_t length) {
  for (int byte = 0; byte < 4; byte++)
    for (uint32_t value = 0; value < 256; value++) table[byte][value] = zeros(value << (8 * byte), length);
}

static inline uint32_t shifted(uint32_t table[4][256], uint32_t crc) {
  return table[0][crc & 255] ^ table[1][(crc >> 8) & 255] ^ table[2][(crc >> 16) & 255] ^ table[3][crc >> 24];
}

static inline uint64_t word(const unsigned char *at) {
  uint64_t value;
  memcpy(&value, at, 8);
  return value;
}

/* Three lanes hide the latency of the instruction. */
static inline uint64_t lanes(uint64_t crc, const unsigned char *at, size_t lane, uint32_t table[4][256]) {
  uint64_t middle = 0, last = 0;
  for (const unsigned char *end = at + lane; at < end; at += 8) {
    crc = _mm_crc32_u64(crc, word(at));
    middle = _mm_crc32_u64(middle, word(at + lane));
    last = _mm_crc32_u64(last, word(at + 2 * lane));
  }
  crc = shifted(table, (uint32_t)crc) ^ middle;
  return shifted(table, (uint32_t)crc) ^ last;
}

static uint32_t crc32c(const unsigned char *at, size_t length) {
  uint64_t crc = 0xffffffff;
  for (; length >= 3 * LANE; at += 3 * LANE, length -= 3 * LANE) crc = lanes(crc, at, LANE, long_shift);
  for (; length >= 3 * SHORT_LANE; at += 3 * SHORT_LANE, length -= 3 * SHORT_LANE)
    crc = lanes(crc, at, SHORT_LANE, short_shift);
  for (; length >= 8; at += 8, length -= 8) crc = _mm_crc32_u64(crc, word(at));
  for (; length > 0; at++, length--) crc = _mm_crc32_u8((uint32_t)crc, *at);
  return (uint32_t)~crc;
}

static size_t pack_lz4(const struct input *from, unsigned char *to) {
  size_t at = 0;
  for (size_t done = 0; done < from->length; done += BLOCK) {
    size_t length = from->length - done < BLOCK ? from->length - done : BLOCK;
    int packed = LZ4_compress_default((const char *)from->bytes + done, (char *)to + at + 4, (int)length,
                                      LZ4_compressBound(BLOCK));
    memcpy(to + at, &packed, 4);
    at += 4 + (size_t)packed;
  }
  return at;
}

static size_t open_lz4(const struct input *from, unsigned char *to) {
  size_t written = 0;
  for (size_t at = 0; at < from->lz4_length;) {
    int packed;
    memcpy(&packed, from->lz4 + at, 4);
    int length = LZ4_decompress_safe((const char *)from->lz4 + at + 4, (char *)to + written, packed, BLOCK);
    if (length < 0) die("lz4");
    written += (size_t)length;
    at += 4 + (size_t)packed;
  }
  return written;
}

static size_t pack_snappy(const struct input *from, unsigned char *to) {
  size_t length = ROOM;
  if (snappy_compress((const char *)from->bytes, from->length, (char *)to, &length) != SNAPPY_OK) die("snappy");
  return length;
}

static size_t open_snappy(const struct input *from, unsigned char *to) {
  size_t length = ROOM;
  if (snappy_uncompress((const char *)from->snappy, from->snappy_length, (char *)to, &length) != SNAPPY_OK) die("snappy");
  return length;
}

static unsigned char *copy(const unsigned char *bytes, size_t length) {
  unsigned char *kept = malloc(length + 1);
  memcpy(kept, bytes, length);
  return kept;
}

static void keep(char *argument) {
  char *path = strchr(argument, '=');
  if (path == NULL || input_count == MAX_INPUTS) die("inputs are NAME=FILE");
  *path++ = 0;
  struct input *kept = &inputs[input_count++];
  snprintf(kept->name, sizeof kept->name, "%s", argument);
  FILE *file = fopen(path, "rb");
  if (file == NULL) die(path);
  kept->length = fread(output, 1, sizeof output, file);
  fclose(file);
  kept->bytes = copy(output, kept->length);
  kept->lz4_length = pack_lz4(kept, output);
  kept->lz4 = copy(output, kept->lz4_length);
  kept->snappy_length = pack_snappy(kept, output);
  kept->snappy = copy(output, kept->snappy_length);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static uint64_t once(const char *operation, const struct input *input) {
  if (strcmp(operation, "crc32c") == 0) return crc32c(input->bytes, input->length);
  if (strcmp(operation, "lz4-compress") == 0) return pack_lz4(input, output);
  if (strcmp(operation, "lz4-decompress") == 0) return open_lz4(input, output);
  if (strcmp(operation, "snappy-compress") == 0) return pack_snappy(input, output);
  if (strcmp(operation, "snappy-decompress") == 0) return open_snappy(input, output);
  if (strcmp(operation, "lz4-size") == 0) return input->lz4_length;
  if (strcmp(operation, "snappy-size") == 0) return input->snappy_length;
  die(operation);
  return 0;
}

static void measure(void) {
  char operation[64], name[64];
  long turns;
  while (scanf("%63s %63s %ld", operation, name, &turns) == 3) {
    struct input *input = inputs;
    while (input < inputs + input_count && strcmp(input->name, name) != 0) input++;
    if (input == inputs + input_count) die(name);
    double started = now();
    for (long turn = 0; turn < turns; turn++) sink = once(operation, input);
    printf("%.9f %lu\n", now() - started, (unsigned long)sink);
    fflush(stdout);
  }
}

/* The bytes that a frame with nothing behind it holds, or -1. */
static int32_t open_frame(const unsigned char *stream, size_t length, size_t room) {
  /* A fresh one: resetting it leaves behind what a broken frame before said of its size (1.9.4). */
  LZ4F_dctx *context;
  if (LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION))) die("no memory");
  size_t at = 0, written = 0, wanted = 1;
  for (;;) {
    size_t taken = length - at, given = room - written;
    wanted = LZ4F_decompress(context, output + written, &given, stream + at, &taken, NULL);
    if (LZ4F_isError(wanted)) break;
    at += taken;
    written += given;
    if (wanted == 0 || (taken == 0 && given == 0)) break;
  }
  LZ4F_freeDecompressionContext(context);
  return wanted == 0 && at == length ? (int32_t)written : -1;
}

/*
 * Reads { kind 1, room 4, length 4, bytes } and answers { written 4, CRC of it 4 }; written is -1 for a stream that the
 * library refuses. Kinds: 'l' an LZ4 block, 'f' an LZ4 frame and nothing behind it, 's' a raw Snappy block, 'c' bytes for a CRC alone.
 */
static void judge(void) {
  static unsigned char stream[ROOM];
  for (;;) {
    int kind = getchar();
    if (kind == EOF) return;
    int32_t room, length, written = -1;
    if (fread(&room, 4, 1, stdin) != 1 || fread(&length, 4, 1, stdin) != 1) die("a cut request");
    if (room < 0 || room > ROOM || length < 0 || length > ROOM) die("a request too large");
    if (fread(stream, 1, (size_t)length, stdin) != (size_t)length) die("a cut stream");
    uint32_t crc = 0;
    if (kind == 'l') {
      written = LZ4_decompress_safe((const char *)stream, (char *)output, length, room);
      if (written < 0) written = -1;
    } else if (kind == 'f') {
      written = open_frame(stream, (size_t)length, (size_t)room);
    } else if (kind == 's') {
      size_t size = (size_t)room, claimed;
      if (snappy_uncompressed_length((const char *)stream, (size_t)length, &claimed) == SNAPPY_OK && claimed <= size &&
          snappy_uncompress((const char *)stream, (size_t)length, (char *)output, &size) == SNAPPY_OK)
        written = (int32_t)size;
    } else {
      written = length;
      memcpy(output, stream, (size_t)length);
    }
    if (written > 0) crc = crc32c(output, (size_t)written);
    fwrite(&written, 4, 1, stdout);
    fwrite(&crc, 4, 1, stdout);
    fflush(stdout);
  }
}

int main(int count, char **arguments) {
  make_shift(long_shift, LANE);
  make_shift(short_shift, SHORT_LANE);
  if (count == 2 && strcmp(arguments[1], "judge") == 0) {
    judge();
    return 0;
  }
  for (int index = 1; index < count; index++) keep(arguments[index]);
  measure();
  return 0;
}
