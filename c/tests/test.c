/* test MODEL.dream MODEL.golden...: the C interface makes the golden images, and tells what is
   wrong with a call. C99. */
#include "../include/dreamlet.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int passed, failed;

#define CHECK(holds)                                                 \
  do {                                                               \
    if (holds) {                                                     \
      passed++;                                                      \
    } else {                                                         \
      failed++;                                                      \
      printf("%s:%d: does not hold: %s\n", __FILE__, __LINE__, #holds); \
    }                                                                \
  } while (0)

static void *memory(size_t len) {
  void *at = malloc(len);
  if (!at) {
    puts("no memory");
    exit(2);
  }
  return at;
}

/* A file at a multiple of 64. */
static uint8_t *read_file(const char *name, size_t *len) {
  FILE *file = fopen(name, "rb");
  if (!file || fseek(file, 0, SEEK_END) != 0) {
    perror(name);
    exit(2);
  }
  *len = (size_t)ftell(file);
  rewind(file);
  uint8_t *at = memory(*len + 64);
  at += (64 - (uintptr_t)at % 64) % 64;
  if (fread(at, 1, *len, file) != *len) {
    perror(name);
    exit(2);
  }
  fclose(file);
  return at;
}

struct rows {
  uint8_t *image;
  size_t next, len;
  int in_order;
};

static void keep(void *context, size_t row, const uint8_t *pixels, size_t len) {
  struct rows *rows = context;
  rows->in_order &= row == rows->next++ && (row + 1) * len <= rows->len;
  if (rows->in_order) memcpy(rows->image + row * len, pixels, len);
}

static uint64_t fnv(const uint8_t *bytes, size_t len) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (size_t i = 0; i < len; i++) hash = (hash ^ bytes[i]) * 0x100000001b3u;
  return hash;
}

/* Digits of a golden file: 16 are a hash, more are all bytes, from which 2 levels may differ. */
static int golden(const char *digits, const uint8_t *image, size_t len) {
  size_t count = strspn(digits, "0123456789abcdef");
  if (count == 16) return strtoull(digits, NULL, 16) == fnv(image, len);
  if (count != 2 * len) return 0;
  for (size_t i = 0; i < len; i++) {
    char pair[3] = {digits[2 * i], digits[2 * i + 1], 0};
    if (labs(strtol(pair, NULL, 16) - (long)image[i]) > 2) return 0;
  }
  return 1;
}

static void images(const char *name, const char *golden_name) {
  size_t len, golden_len;
  uint8_t *file = read_file(name, &len);
  char *text = (char *)read_file(golden_name, &golden_len);
  text[golden_len] = 0; /* read_file has room for it */
  struct dreamlet_model model;
#ifdef INT8_ONLY
  /* Golden files of f32 models have images in the place of hashes. */
  if (strcspn(strrchr(text, ' ') + 1, "\n") != 16) {
    CHECK(dreamlet_open(&model, file, len) == DREAMLET_LEFT_OUT);
    return;
  }
#endif
  CHECK(dreamlet_open(&model, file, len) == DREAMLET_OK);
  size_t scratch_len = dreamlet_scratch_len(&model), latent_len = dreamlet_latent_len(&model);
  size_t image_len = dreamlet_image_len(&model), classes = dreamlet_classes(&model);
  CHECK(image_len == dreamlet_height(&model) * dreamlet_width(&model) * dreamlet_channels(&model));
  float *latent = memory(latent_len * sizeof *latent);
  uint8_t *scratch = memory(scratch_len), *image = memory(image_len), *again = memory(image_len);
  int seen = 0;
  for (char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
    if (*line == '#') continue;
    char *digits;
    uint64_t seed = strtoull(line, &digits, 10);
    int32_t class_ = classes ? (int32_t)(seed % classes) : DREAMLET_NO_CLASS;
    CHECK(dreamlet_latent(&model, seed, DREAMLET_NO_TRUNCATION, latent, latent_len) == DREAMLET_OK);
    CHECK(dreamlet_generate_u8(&model, latent, latent_len, class_, scratch, scratch_len, image, image_len) == DREAMLET_OK);
    CHECK(golden(digits + 1, image, image_len));
    struct rows rows = {again, 0, image_len, 1};
    CHECK(dreamlet_generate_rows(&model, latent, latent_len, class_, scratch, scratch_len, keep, &rows) == DREAMLET_OK);
    CHECK(rows.in_order && rows.next == dreamlet_height(&model) && memcmp(image, again, image_len) == 0);
    seen++;
  }
  CHECK(seen > 0);
}

static void errors(const char *name) {
  size_t len;
  uint8_t *file = read_file(name, &len);
  struct dreamlet_model model;
  CHECK(dreamlet_open(NULL, file, len) == DREAMLET_POINTER);
  CHECK(dreamlet_open(&model, NULL, len) == DREAMLET_POINTER);
  CHECK(dreamlet_open(&model, file, SIZE_MAX) == DREAMLET_POINTER);
  CHECK(dreamlet_open(&model, file, 10) == DREAMLET_NOT_A_MODEL);
  CHECK(dreamlet_open(&model, file, len - 1) == DREAMLET_DAMAGED);
  file[len - 1] ^= 1;
  CHECK(dreamlet_open(&model, file, len) == DREAMLET_DAMAGED);
  file[len - 1] ^= 1;
  file[8] = 99;
  CHECK(dreamlet_open(&model, file, len) == DREAMLET_VERSION);
  file[8] = 1;
  uint8_t *askew = memory(len + 65);
  askew += 65 - (uintptr_t)askew % 64;
  memcpy(askew, file, len);
  CHECK(dreamlet_open(&model, askew, len) == DREAMLET_UNALIGNED);
  CHECK(dreamlet_open(&model, file, len) == DREAMLET_OK);

  size_t scratch_len = dreamlet_scratch_len(&model), latent_len = dreamlet_latent_len(&model);
  size_t image_len = dreamlet_image_len(&model);
  CHECK(dreamlet_scratch_len(NULL) == 0);
  float *latent = memory(latent_len * sizeof *latent);
  uint8_t *scratch = memory(scratch_len), *image = memory(image_len);
  CHECK(dreamlet_latent(&model, 1, 1, latent, latent_len - 1) == DREAMLET_LATENT_LENGTH);
  CHECK(dreamlet_latent(&model, 1, 1, NULL, latent_len) == DREAMLET_POINTER);
  CHECK(dreamlet_latent(&model, 1, 0.5f, latent, latent_len) == DREAMLET_OK);
  for (size_t i = 0; i < latent_len; i++) CHECK(latent[i] >= -0.5f && latent[i] <= 0.5f);

#define GENERATE(latent, latent_len, class_, scratch, scratch_len, image, image_len) \
  dreamlet_generate_u8(&model, latent, latent_len, class_, scratch, scratch_len, image, image_len)
  CHECK(GENERATE(latent, latent_len, -1, scratch, scratch_len, image, image_len) == DREAMLET_OK);
  CHECK(GENERATE(latent, latent_len - 1, -1, scratch, scratch_len, image, image_len) == DREAMLET_LATENT_LENGTH);
  CHECK(GENERATE(latent, latent_len, 0, scratch, scratch_len, image, image_len) == DREAMLET_CLASS);
  CHECK(GENERATE(latent, latent_len, -2, scratch, scratch_len, image, image_len) == DREAMLET_CLASS);
  CHECK(GENERATE(latent, latent_len, -1, scratch, 100, image, image_len) == DREAMLET_SCRATCH_LENGTH);
  CHECK(GENERATE(latent, latent_len, -1, scratch, scratch_len, image, image_len - 1) == DREAMLET_IMAGE_LENGTH);
  CHECK(GENERATE(NULL, latent_len, -1, scratch, scratch_len, image, image_len) == DREAMLET_POINTER);
  CHECK(GENERATE(latent, latent_len, -1, NULL, scratch_len, image, image_len) == DREAMLET_POINTER);
  CHECK(GENERATE(latent, latent_len, -1, scratch, scratch_len, scratch, image_len) == DREAMLET_OVERLAP);
  CHECK(dreamlet_generate_rows(&model, latent, latent_len, -1, scratch, scratch_len, NULL, NULL) == DREAMLET_POINTER);
  uint32_t infinity = 0x7f800000u;
  memcpy(latent, &infinity, sizeof infinity);
  CHECK(GENERATE(latent, latent_len, -1, scratch, scratch_len, image, image_len) == DREAMLET_LATENT_NUMBER);

  for (int32_t error = DREAMLET_OK; error <= DREAMLET_LEFT_OUT; error++) {
    CHECK(strlen(dreamlet_error_text(error)) > 5);
    CHECK(error == 0 || strcmp(dreamlet_error_text(error), dreamlet_error_text(error - 1)) != 0);
    CHECK(strcmp(dreamlet_error_text(error), dreamlet_error_text(99)) != 0);
  }
}

int main(int count, char **arguments) {
  if (count < 3) {
    puts("test MODEL.dream MODEL.golden...");
    return 2;
  }
  errors(arguments[1]);
  for (int i = 1; i + 1 < count; i += 2) images(arguments[i], arguments[i + 1]);
  printf("%d passed, %d failed\n", passed, failed);
  return failed != 0;
}
